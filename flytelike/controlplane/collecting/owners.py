"""Whose a folder is, by its name. Names are ambiguous (`a-b-n0-0` may be of `a` or of `a-b`): all readings count."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection

from flytelike.controlplane.layout import Layout
from flytelike.controlplane.repository.surviving import executions_named
from flytelike.model.ids import ExecutionId

Readings = Callable[[str], Iterable[ExecutionId]]


class Owner(Enum):
    """What is known of whom a folder belongs to."""

    STAYS = 1
    GOES = 2
    UNKNOWN = 3
    """It looks like one of ours, but there is no such execution."""
    FOREIGN = 4
    """The platform has not made it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a folder is, in all its readings."""

    owner: Owner
    executions: tuple[ExecutionId, ...]


def owners(
    connection: Connection, folders: Collection[str], readings: Readings, going: Collection[int]
) -> dict[str, Claim]:
    """Return whose folders are; executions whose numbers are in `going` count as on their way out."""
    read = {folder: tuple(readings(folder)) for folder in folders}
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for executions in read.values():
        for execution in executions:
            names[execution.project, execution.domain].add(execution.name)
    known = {place: executions_named(connection, place, wanted) for place, wanted in names.items()}
    return {folder: Claim(_owner(found, known, going), found) for folder, found in read.items()}


def _owner(
    executions: Sequence[ExecutionId],
    known: Mapping[tuple[str, str], Mapping[str, tuple[int, bool]]],
    going: Collection[int],
) -> Owner:
    if not executions:
        return Owner.FOREIGN
    owner = Owner.UNKNOWN
    for execution in executions:
        found = known[execution.project, execution.domain].get(execution.name)
        if found is not None:
            number, stays = found
            if stays and number not in going:
                return Owner.STAYS
            owner = Owner.GOES
    return owner


def data_readings(layout: Layout, shard: str, places: Sequence[tuple[str, str]]) -> Readings:
    """Return how the folder of an attempt's data is read, `<execution>-<node>-<attempt>` in its shard."""

    def readings(folder: str) -> Iterator[ExecutionId]:
        for name in _beginnings(folder):
            for project, domain in places:
                execution = ExecutionId(project, domain, name)
                # The shard is a digest of the whole execution's name, so a wrong reading hardly ever fits.
                if layout.shard(execution, folder) == shard:
                    yield execution

    return readings


def document_readings(projects: Collection[str], domains: Iterable[str]) -> Readings:
    """Return how the folder of an execution's documents is read, `<project>-<domain>-<execution>`."""

    def readings(folder: str) -> Iterator[ExecutionId]:
        for domain in domains:
            middle = f"-{domain}-"
            index = folder.find(middle)
            while index > 0:
                project, name = folder[:index], folder[index + len(middle) :]
                if name and project in projects:
                    yield ExecutionId(project, domain, name)
                index = folder.find(middle, index + 1)

    return readings


def _beginnings(folder: str) -> Iterator[str]:
    index = folder.find("-", 1)
    while index > 0:
        yield folder[:index]
        index = folder.find("-", index + 1)
