"""Stock map tasks: whole and partial, with elements that fail, over a launch plan, with retries."""

import functools
import os

from flytekit import LaunchPlan, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException


@task
def power(base: int, exponent: int) -> int:
    return base**exponent


@task
def picky(n: int) -> int:
    if n == 2:
        raise ValueError("not two")
    return 10 * n


@task(retries=1)
def second_try(n: int) -> int:
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0" and n == 1:
        raise FlyteRecoverableException("once more")
    return n


@workflow
def tripled(n: int) -> int:
    return power(base=n, exponent=1)


tripled_plan = LaunchPlan.get_or_create(tripled, "tripled_plan")


@workflow
def mapped(bases: list[int]) -> tuple[list[int], list[int | None], list[int], list[int]]:
    powers = map_task(functools.partial(power, exponent=2), concurrency=2)(base=bases)
    some = map_task(picky, min_success_ratio=0.5)(n=bases)
    tried = map_task(second_try)(n=bases)
    planned = map_task(tripled_plan)(n=bases)
    return powers, some, tried, planned


@workflow
def too_many_fail(bases: list[int]) -> list[int]:
    return map_task(picky)(n=bases)
