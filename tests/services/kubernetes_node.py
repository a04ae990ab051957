"""A cluster with a real node for tests: one for all pytest workers of a run.

Without what it needs tests are skipped, but fail where `CI=true`.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kube import programs
from tests.kube.keeper import shared_node
from tests.kube.node import NEEDED, PLUGINS
from tests.kube.node_cluster import NodeCluster
from tests.services.kubernetes import establish, shared_folder


@pytest.fixture(scope="session")
def node_programs(kube_programs: Path) -> Path:
    """The folder of the programs of a whole cluster."""
    missing = missing_parts()
    if missing:
        reason = f"no node can be started: {missing}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return kube_programs


def missing_parts() -> str:
    """Return what a node needs and this machine lacks, and how to get it; nothing when all is there."""
    if os.geteuid() != 0:
        return "it needs root"
    if programs.find("node") is None:
        return "kubelet and others are not built (`make test-kube` builds them)"
    lacking = [name for name in NEEDED if shutil.which(name) is None]
    if not (PLUGINS / "bridge").exists():
        lacking.append("containernetworking-plugins")
    return f"{', '.join(lacking)} is not installed (`make test-kube` installs it)" if lacking else ""


@pytest.fixture(scope="session")
def node_cluster(node_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeCluster]:
    """The test run's cluster with a node, with our custom resource. Nothing of it is to be stopped."""
    with shared_node(node_programs, shared_folder(tmp_path_factory)) as cluster:
        establish(cluster.plane)
        yield cluster
