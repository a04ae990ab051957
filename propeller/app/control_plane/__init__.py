"""The control plane as an operator meets it over the network: each port of the engine as calls of one service."""

from propeller.app.control_plane.connection import ControlPlaneConnection, ControlPlaneSettings
from propeller.app.control_plane.ports import neighbours_of

__all__ = ["ControlPlaneConnection", "ControlPlaneSettings", "neighbours_of"]
