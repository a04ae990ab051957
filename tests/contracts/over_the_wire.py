"""A control plane whose neighbour is in another process, as far as it can tell: each port as calls over the network."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flytelike.cluster.propeller_server import serve_propeller
from flytelike.controlplane.app import ControlPlane
from propeller.app.control_plane import ControlPlaneConnection, ControlPlaneSettings


@asynccontextmanager
async def over_the_wire(plane: ControlPlane) -> AsyncIterator[ControlPlaneConnection]:
    """Yield what an operator reaches a plane by."""
    async with (
        serve_propeller(plane, "127.0.0.1:0") as address,
        ControlPlaneConnection(ControlPlaneSettings(address)) as connection,
    ):
        yield connection
