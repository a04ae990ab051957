"""Stock workflows with branches, gates and failure nodes."""

from datetime import timedelta
from typing import Optional  # noqa: UP035 - as stock programs write it

from flytekit import LaunchPlan, approve, conditional, sleep, task, wait_for_input, workflow
from flytekit.types.error.error import FlyteError


@task
def double(n: int) -> int:
    return n * 2


@task
def triple(n: int) -> int:
    return n * 3


@task
def maybe(n: int) -> Optional[int]:  # noqa: UP045
    return n or None


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def breaks(n: int) -> int:
    if n > 0:
        raise ValueError(f"cannot take {n}")
    return n


@task
def clean(n: int, into: str, err: Optional[FlyteError] = None) -> None:  # noqa: UP045
    with open(into, "a") as file:
        told = "" if err is None else f"{err.failed_node_id}: {err.message.strip().splitlines()[-1]}"
        file.write(f"{n} {told}\n")


@workflow
def inner(n: int) -> int:
    return double(n=n)


inner_plan = LaunchPlan.get_or_create(inner, name="kinds_inner")


@workflow
def branching(n: int) -> int:
    first = double(n=n)
    found = maybe(n=n)
    conditional("known").if_(found.is_none()).then(double(n=n)).else_().then(triple(n=n))
    return (
        conditional("size")
        .if_((first > 10) & (n < 100))
        .then(triple(n=first))
        .elif_((first == 6) | (n == 4))
        .then(inner_plan(n=n))
        .elif_(n == 2)
        .then(inner(n=n))
        .else_()
        .then(conditional("nested").if_(n > 0).then(double(n=n)).else_().fail("too small"))
    )


@workflow
def gates(n: int) -> int:
    first = double(n=n)
    approved = approve(first, "ok", timeout=timedelta(hours=1))
    more = wait_for_input("more", timeout=timedelta(hours=1), expected_type=int)
    nap = sleep(timedelta(seconds=1))
    last = add(a=approved, b=more)
    nap >> last
    return last


@workflow(on_failure=clean)
def cleaned(n: int, into: str) -> int:
    return breaks(n=double(n=n))
