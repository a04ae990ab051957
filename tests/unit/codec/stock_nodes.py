"""Workflows with every kind of node, as stock flytekit's users write them; recorded by `record_stock_nodes.py`."""

import functools
from datetime import timedelta
from typing import List, Optional  # noqa: UP035 - the old name too

from flytekit import LaunchPlan, approve, conditional, map_task, sleep, task, wait_for_input, workflow
from flytekit.types.error.error import FlyteError


@task
def double(n: int) -> int:
    return n * 2


@task
def triple(n: int) -> int:
    return n * 3


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def total(numbers: List[Optional[int]]) -> int:  # noqa: UP006, UP045
    return sum(n or 0 for n in numbers)


@task
def maybe(n: int) -> Optional[int]:  # noqa: UP045
    return n or None


@task
def clean(n: int, err: Optional[FlyteError] = None) -> None:  # noqa: UP045
    """Clean up."""


@workflow
def inner(n: int) -> int:
    return double(n=n)


plan = LaunchPlan.get_or_create(inner, name="inner_lp")


@workflow(on_failure=clean)
def branching(n: int) -> int:
    first = double(n=n)
    found = maybe(n=n)
    conditional("known").if_(found.is_none()).then(double(n=n)).else_().fail("unknown")
    return (
        conditional("size")
        .if_((first > 10) & (n < 100))
        .then(triple(n=first))
        .elif_(((first == 3) | (n != 4)) & (n >= 1))
        .then(inner(n=n))
        .else_()
        .then(conditional("nested").if_(n > 5).then(double(n=n)).else_().fail("too small"))
    )


@workflow
def gates(n: int) -> int:
    first = double(n=n)
    approved = approve(first, "ok", timeout=timedelta(hours=1))
    more = wait_for_input("more", timeout=timedelta(hours=1), expected_type=int)
    nap = sleep(timedelta(seconds=3))
    last = add(a=approved, b=more)
    nap >> last
    return last


@workflow
def mapped(ns: List[int]) -> int:  # noqa: UP006
    some = map_task(functools.partial(add, b=1), concurrency=3, min_success_ratio=0.75)(a=ns)
    map_task(double)(n=ns)
    map_task(plan, min_successes=2)(n=ns)
    return total(numbers=some)
