"""Workflows that must have the same history wherever they run: every kind of node, as few tasks as possible."""

import asyncio
import os
from datetime import timedelta

from flytelike import (
    ContainerTask,
    EagerException,
    FlyteError,
    FlyteRecoverableException,
    LaunchPlan,
    Resources,
    approve,
    conditional,
    current_context,
    dynamic,
    eager,
    kwtypes,
    map_task,
    sleep,
    task,
    wait_for_input,
    workflow,
)


@task
def add(left: int, right: int) -> int:
    print(f"adding {left} and {right}")
    return left + right


@task(cache=True, cache_version="1")
def costly(number: int) -> int:
    return 7 * number


@task
def even_only(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


@task
def clean_up(number: int, err: FlyteError | None = None) -> None:
    print("cleaning up")


@task(retries=2)
def second_time(number: int) -> int:
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        raise FlyteRecoverableException("the first time always fails")
    return number


@task(timeout=timedelta(seconds=1))
def endless(number: int) -> int:
    import time

    time.sleep(600)
    return number


@task(requests=Resources(mem="256Mi"), limits=Resources(mem="256Mi"))
def hungry(number: int) -> int:
    return len(bytearray(number << 30))


@task
def until_aborted(number: int) -> int:
    import time

    time.sleep(600)
    return number


@task
def only_recovered(number: int) -> int:
    if current_context().execution_id.name != "recovered":
        raise ValueError("there is no file yet")
    return number + 1


area = ContainerTask(
    name="area",
    image="flytelike/python:0.1",
    input_data_dir="/var/inputs",
    output_data_dir="/var/outputs",
    inputs=kwtypes(a=int, b=int),
    outputs=kwtypes(area=int),
    command=["sh", "-ec"],
    arguments=["echo $(( $(cat /var/inputs/a) * {{.inputs.b}} )) > /var/outputs/area"],
)

unhappy = ContainerTask(
    name="unhappy",
    image="flytelike/python:0.1",
    input_data_dir="/var/inputs",
    output_data_dir="/var/outputs",
    inputs=kwtypes(a=int),
    outputs=kwtypes(area=int),
    command=["sh", "-ec"],
    arguments=["echo no such field > /var/outputs/_ERROR"],
)


@workflow
def plain(number: int) -> int:
    return area(a=number, b=number)


@workflow
def plain_failing(number: int) -> int:
    return unhappy(a=number)


@workflow
def twice(number: int) -> int:
    return add(left=number, right=number)


twice_plan = LaunchPlan.get_or_create(twice, name="twice_plan", default_inputs={"number": 4})


@workflow
def branches(number: int) -> int:
    return (
        conditional("size")
        .if_(number > 10)
        .then(add(left=number, right=1))
        .elif_(number > 5)
        .then(twice(number=number))
        .else_()
        .fail("too small")
    )


@workflow
def gates(number: int) -> int:
    more = wait_for_input("more", None, int)
    allowed = approve(more, "allowed")
    slept = sleep(timedelta(milliseconds=200))
    ended = add(left=allowed, right=number)
    slept >> ended
    return ended


@workflow
def mapped(number: int) -> list[int | None]:
    return map_task(even_only, min_success_ratio=0.5)(number=[0, 1, 2])


@workflow
def nested(number: int) -> int:
    return add(left=twice(number=number), right=twice_plan())


@dynamic
def spread(number: int) -> list[int]:
    return [twice(number=i) for i in range(number)]


@workflow
def dynamics(number: int) -> list[int]:
    return spread(number=number)


@eager
async def calls(number: int) -> int:
    found = sum(await asyncio.gather(*[add(left=i, right=1) for i in range(number)]))
    try:
        await even_only(number=1)
    except EagerException:
        found += 100
    return found


@workflow
def eagers(number: int) -> int:
    return calls(number=number)


@workflow(on_failure=clean_up)
def failing(number: int) -> int:
    return even_only(number=number)


@workflow
def retried(number: int) -> int:
    return second_time(number=number)


@workflow
def late(number: int) -> int:
    return endless(number=number)


@workflow
def too_large(number: int) -> int:
    return hungry(number=number)


@workflow
def stopped(number: int) -> int:
    return until_aborted(number=number)


@workflow
def cached(number: int) -> int:
    return costly(number=number)


@workflow
def mended(number: int) -> int:
    return only_recovered(number=add(left=number, right=1))
