"""A control plane whose neighbour is in another process, as far as it can tell: each port as calls over the network."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flytelike.cluster.propeller_server import serve_propeller
from flytelike.controlplane.app import ControlPlane
from propeller.app.control_plane import ControlPlaneConnection, ControlPlaneSettings, neighbours_of
from propeller.app.neighbours import Neighbours


@asynccontextmanager
async def over_the_wire(plane: ControlPlane) -> AsyncIterator[Neighbours]:
    """Yield what an operator's engine is given for a plane."""
    async with (
        serve_propeller(plane, "127.0.0.1:0") as address,
        ControlPlaneConnection(ControlPlaneSettings(address)) as connection,
    ):
        yield neighbours_of(connection, plane.store)
