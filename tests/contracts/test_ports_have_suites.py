"""Each port has a contract suite here, which its real adapter passes; the few others say who holds their adapters."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
FILES = (
    *sorted((ROOT / "propeller").glob("ports*.py")),
    ROOT / "flytelike" / "controlplane" / "ports.py",
    ROOT / "flytelike" / "controlplane" / "access" / "ports.py",
    ROOT / "flytelike" / "controlplane" / "layout.py",
    ROOT / "flytelike" / "controlplane" / "collecting" / "ports.py",
    ROOT / "flytelike" / "embedded" / "secrets.py",
)
OLDER = {
    "Catalog": "test_catalog_contract.py",
    "Executor": "test_executor_contract.py",
    "StateStore": "test_state_store_contract.py",
}
"""Suites that name their port as the type of their fixture."""
BESIDE = {
    "AllocationListener": (
        "tests/contracts/test_allocator_contract.py",
        "executors listen; what they are told is what the allocators' suite is about",
    ),
    "AttemptListener": (
        "tests/contracts/test_executor_contract.py",
        "the engine alone listens; what it is told, and when, is what the executors' suite is about",
    ),
    "Launcher": (
        "tests/unit/controlplane/test_executions_api.py",
        "one hands to the engine beside it, one to objects of a cluster (tests/unit/test_launched_by_objects.py)",
    ),
    "LogReader": (
        "tests/e2e/test_execute.py",
        "one reads the folder of the executor's logs; without one there are none",
    ),
    "Meter": (
        "tests/unit/embedded/test_quotas_in_force.py",
        "one asks the allocator beside it; without one nobody knows what attempts use",
    ),
    "Strangers": (
        "tests/unit/cluster/test_forgetting.py",
        "only a cluster has any: the objects that the API server tells of",
    ),
    "States": (
        "tests/unit/propeller_engine/test_retention.py",
        "a part of StateStore, whose suite holds all of it; in a cluster it goes by objects (test_forgetting.py)",
    ),
}
"""Ports without a suite, by the file that tests their one full adapter, and why. The list only gets shorter."""


def ports() -> set[str]:
    """Return the names of all ports."""
    return {
        node.name
        for file in FILES
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases)
    }


def suites() -> dict[str, tuple[Path, tuple[str, ...]]]:
    """Return, by port, the file of its suite and the adapters that it says it runs."""
    found: dict[str, tuple[Path, tuple[str, ...]]] = {}
    for file in sorted(HERE.glob("test_*_contract.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PORTS":
                found.update({port: (file, adapters) for port, adapters in ast.literal_eval(node.value).items()})
    return found


def test_every_port_is_held() -> None:
    assert ports() == {*suites(), *OLDER, *BESIDE}


@pytest.mark.parametrize("port", sorted(suites()))
def test_a_suite_runs_the_adapters_it_names(port: str) -> None:
    file, adapters = suites()[port]
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)}
    assert adapters
    assert set(adapters) <= called


@pytest.mark.parametrize("port", sorted(OLDER))
def test_an_older_suite_is_of_its_port(port: str) -> None:
    names = {node.id for node in ast.walk(ast.parse((HERE / OLDER[port]).read_text())) if isinstance(node, ast.Name)}
    assert port in names or f"Memory{port}" in names or f"Process{port}" in names


def test_what_is_held_beside_is_there() -> None:
    assert [path for path, _ in BESIDE.values() if not (ROOT / path).is_file()] == []
