"""What works, and is likely not what its author means."""

from typing import Annotated, Any

import pytest

from flytelike import Cache, FlytePickle, HashMethod, task
from flytelike.sdk.remarks import remarks

Plain = FlytePickle[complex]
Hashed = Annotated[FlytePickle[complex], HashMethod(str)]


def codes(entity: Any) -> list[str]:
    return [found.code for found in remarks([entity])]


@pytest.mark.parametrize(
    ("hint", "options", "warned"),
    [
        (Plain, {}, False),
        (Plain, {"cache": True, "cache_version": "1"}, True),
        (list[Plain] | None, {"cache": True, "cache_version": "1"}, True),
        (Hashed, {"cache": True, "cache_version": "1"}, False),
        (Plain, {"cache": True, "cache_version": "1", "cache_ignore_input_vars": ("x",)}, False),
        (Plain, {"cache": Cache(version="1", ignored_inputs=("x",))}, False),
        (Plain, {"cache": Cache(version="1")}, True),
        (int, {"cache": True, "cache_version": "1"}, False),
    ],
)
def test_a_cached_task_does_not_go_by_pickles(hint: Any, options: Any, warned: bool) -> None:
    def f(x) -> int:  # type: ignore[no-untyped-def]
        return 1

    f.__annotations__["x"] = hint
    assert ("unstable-cache-input" in codes(task(**options)(f))) == warned


def test_a_default_that_calls_share_is_told() -> None:
    def f(x: list[int] = [], y: int = 1) -> int:  # noqa: B006 - what is warned of
        return 1

    assert codes(task(f)) == ["mutable-default"]
