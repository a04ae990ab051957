"""What a dynamic task may not do while it runs."""

import pytest

from flytelike import dynamic, task
from flytelike.model.diagnostic import DiagnosticError
from flytelike.sdk import dynamic as module


@task
def square(x: int) -> int:
    return x * x


@dynamic
def fan(n: int) -> list[int]:
    return [square(x=number) for number in range(n)]


def test_a_dynamic_task_makes_only_so_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NODES_MAX", 3)
    assert fan(n=3) == [0, 1, 4]
    with pytest.raises(DiagnosticError) as caught:
        fan(n=4)
    assert [found.code for found in caught.value.diagnostics] == ["too-many-nodes"]
