"""Workflows as a Flyte user writes them, for stock flytekit: nothing here knows of Flytelike."""

import os
import sys
import time
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import pandas as pd
from flytekit import ContainerTask, Deck, LaunchPlan, Resources, current_context, dynamic, kwtypes, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float
    names: list[str]


@task
def shift(point: Point, by: int = 2) -> Point:
    return Point(point.x + by, point.y, [*point.names, "shifted"])


@task(cache=True, cache_version="3")
def double(n: int) -> int:
    return 2 * n


@task
def write(lines: list[str]) -> FlyteFile:
    with open("lines.txt", "w") as file:
        file.write("\n".join(lines))
    return FlyteFile("lines.txt")


@task
def length(file: FlyteFile) -> int:
    with open(file) as opened:
        return len(opened.read())


class Painted(NamedTuple):
    either: int | str
    colour: Colour | None


@task
def paint(colour: Colour | None, depth: int | None = None) -> Painted:
    return Painted(colour.value if depth is None else depth, colour)


@task
def frame(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"n": list(range(rows))})


@task
def total(table: pd.DataFrame) -> int:
    return int(table["n"].sum())


@task
def folder(names: list[str]) -> FlyteDirectory:
    place = current_context().working_directory
    for name in names:
        with open(f"{place}/{name}", "w") as file:
            file.write(name)
    return FlyteDirectory(place)


@task
def listing(folder: FlyteDirectory) -> dict[str, int]:
    return {name: len(name) for name in sorted(os.listdir(folder))}


@task
def told() -> dict[str, str]:
    context = current_context()
    asked = ("WORKFLOW", "LAUNCHPLAN", "PROJECT", "DOMAIN")
    return {
        "execution": context.execution_id.name,
        "task": f"{context.task_id.project}/{context.task_id.domain}/{context.task_id.name}@{context.task_id.version}",
        "environment": sys.prefix,
        **{name.lower(): os.environ[f"FLYTE_INTERNAL_EXECUTION_{name}"] for name in asked},
    }


@workflow
def twice(n: int) -> int:
    return double(n=n)


class Varied(NamedTuple):
    doubled: int
    painted: int | str
    colour: Colour | None


@workflow
def varied(n: int = 3, colour: Colour = Colour.RED, depth: int | None = None) -> Varied:
    painted = paint(colour=colour, depth=depth).with_overrides(requests=Resources(cpu="1"), limits=Resources(cpu="1"))
    return Varied(twice(n=n), painted.either, painted.colour)


twice_plan = LaunchPlan.get_or_create(twice, name="twice_plan", default_inputs={"n": 7})
twice_fixed = LaunchPlan.get_or_create(twice, name="twice_fixed", fixed_inputs={"n": 5})


@workflow
def parent(n: int) -> int:
    return double(n=twice_plan(n=n))


@workflow
def size_of(file: FlyteFile) -> int:
    return length(file=file)


@task(retries=2)
def refuses(n: int) -> int:
    if n > 0:
        raise ValueError(f"cannot take {n}")
    return n


@workflow
def refusing(n: int) -> int:
    return refuses(n=n)


@task(retries=1)
def flaky(n: int) -> int:
    checkpoint = current_context().checkpoint
    kept = checkpoint.read()
    if kept is None:
        checkpoint.write(str(n).encode())
        raise FlyteRecoverableException("once more")
    return int(kept) + int(os.environ["FLYTE_ATTEMPT_NUMBER"])


@workflow
def persistent(n: int) -> int:
    return flaky(n=n)


@task
def endless(n: int) -> int:
    time.sleep(600)
    return n


@workflow
def waiting(n: int) -> int:
    return endless(n=n)


boxed = ContainerTask(
    name="boxed",
    image="busybox:1",
    input_data_dir="/var/inputs",
    output_data_dir="/var/outputs",
    inputs=kwtypes(n=int, names=list[str]),
    outputs=kwtypes(sum=int, said=str),
    command=["sh", "-ec"],
    arguments=[
        "echo $(( $(cat /var/inputs/n) + {{.inputs.n}} )) > /var/outputs/sum; cp /var/inputs/names/1 /var/outputs/said"
    ],
)


@workflow
def boxing(n: int) -> tuple[int, str]:
    found, said = boxed(n=n, names=["a", "b"])
    return double(n=found), said


@task(enable_deck=True)
def decked(n: int) -> int:
    Deck("mine", "<p>a deck</p>")
    return n


@task(cache=True, cache_version="1", cache_serialize=True)
def remembered(n: int) -> int:
    return n + 1


@workflow
def remembering(n: int) -> int:
    return remembered(n=n)


@dynamic
def fanned(n: int) -> list[int]:
    return [double(n=number) if number else twice(n=3) for number in range(n)]


@dynamic
def deeper(n: int) -> list[int]:
    return fanned(n=n)


@workflow
def growing(n: int) -> list[int]:
    return deeper(n=n)
