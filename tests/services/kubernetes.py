"""A real API server for tests: one for all pytest workers, a namespace for each test.

Without its programs tests are skipped, but fail where `CI=true`.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from propeller.kube.client import ClientSettings, KubernetesClient
from propeller.kube.errors import ObjectNotFound
from propeller.kube.ports import FLYTE_WORKFLOWS, Selection
from tests.kube import programs
from tests.kube.control_plane import ControlPlane
from tests.kube.keeper import shared_control_plane

ROOT = Path(__file__).resolve().parents[2]
CRD = ROOT / "helm/flytelike/files/crds/flyteworkflows.yaml"

_numbers = count()


@pytest.fixture(scope="session")
def kube_programs() -> Path:
    """The folder of the control plane's programs."""
    found = programs.find("control-plane")
    if found is None:
        reason = "the programs of a Kubernetes control plane are not built (`make test-kube` builds them)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def api_server(kube_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The test run's control plane, with our custom resource. It is not to be stopped."""
    with shared_control_plane(kube_programs, shared_folder(tmp_path_factory)) as plane:
        establish(plane)
        yield plane


@pytest.fixture
def own_api_server(kube_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane for one test, which may kill and start its programs."""
    plane = ControlPlane(kube_programs, tmp_path_factory.mktemp("kube"))
    try:
        plane.start()
        establish(plane)
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def namespace(api_server: ControlPlane) -> str:
    """An empty namespace of the test's own."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    api_server.kubectl("create", "namespace", name)
    return name  # No controller would empty it; it goes with the control plane.


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of this test run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def establish(plane: ControlPlane) -> None:
    """Bring our custom resource, and return once objects of it are taken."""
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))

    async def until_served() -> None:
        async with connected(plane) as client:
            due = time.monotonic() + 60
            while True:
                try:
                    await client.page(Selection(FLYTE_WORKFLOWS), 1)
                except ObjectNotFound:
                    assert time.monotonic() < due, "the custom resource is not served"
                    await asyncio.sleep(0.05)
                else:
                    return

    asyncio.run(until_served())


def connected(plane: ControlPlane) -> KubernetesClient:
    """Return a client of the control plane, not entered yet."""
    return KubernetesClient(ClientSettings(kubeconfig=str(plane.kubeconfig), calls_per_second=1000, burst=1000))
