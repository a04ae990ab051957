"""The names that authors' code depends on. Taking one away breaks them: it needs a new major version."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PUBLIC = {
    "flytelike": """
        Backoff Cache ContainerTask CronSchedule Deck DeckField Documentation EagerException FixedRate
        FlyteDirectory FlyteError FlyteFile
        FlytePickle FlyteRecoverableException HashMethod ImperativeWorkflow JSON LaunchPlan Priority
        PythonFunctionWorkflow ReusePolicy
        Resources RetryStrategy Secret StructuredDataset Task TaskMetadata Timeout Workflow WorkflowFailurePolicy
        approve conditional create_node current_context dynamic eager is_false is_none is_true kwtypes map_task
        reference_launch_plan reference_task reference_workflow sleep task wait_for_input workflow
    """.split(),
    "flytelike.testing": "SignalRefused signals".split(),
    "flytelike.types": "Transformer TypeFault ValueContext mismatch register unsupported".split(),
}


@pytest.mark.parametrize("room", PUBLIC)
def test_the_public_names_are_these(room: str) -> None:
    assert sorted(importlib.import_module(room).__all__) == sorted(PUBLIC[room])


@pytest.mark.parametrize(("room", "name"), [(room, name) for room, names in PUBLIC.items() for name in names])
def test_each_public_name_is_there_and_documented(room: str, name: str) -> None:
    assert getattr(importlib.import_module(room), name).__doc__


@pytest.mark.parametrize("room", PUBLIC)
def test_type_checkers_see_each_public_name(room: str) -> None:
    path = importlib.import_module(room).__file__
    assert path is not None
    imported = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(PUBLIC[room]) <= imported


@pytest.mark.parametrize("room", PUBLIC)
def test_other_names_are_told_to_be_missing(room: str) -> None:
    with pytest.raises(AttributeError, match="no attribute `nothing`"):
        _ = importlib.import_module(room).nothing


HEAVY = (
    "asyncio",
    "grpc",
    "google.protobuf",
    "pandas",
    "polars",
    "pyarrow",
    "sqlalchemy",
    "typeguard",
    "obstore",
    "rich",
)


def test_importing_the_authors_names_loads_nothing_heavy() -> None:
    code = "import sys, flytelike; from flytelike import task, workflow, Resources; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in HEAVY if name in loaded] == []
