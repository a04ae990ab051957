"""Which schedules are acceptable, and what executions that they start are called."""

from enum import IntEnum
from hashlib import sha256

from flytelike.controlplane.errors import Faults
from flytelike.controlplane.naming import letters
from flytelike.model.ids import Identifier
from flytelike.model.schedule import Schedule
from flytelike.schedules.faults import CODE, ScheduleFault
from flytelike.schedules.times import Times, times_of

CATCH_UP_MAX = 100
"""How many times that passed while nobody started them are caught up, of each launch plan: the latest."""


BACKFILL_RUNS_MAX = 10_000
"""How many times one backfill may have."""
PARALLEL_MAX = 1_000


class BackfillPhase(IntEnum):
    """How it is with a backfill; the values are those of the messages."""

    RUNNING = 1
    SUCCEEDED = 2
    FAILED = 3
    CANCELLED = 4


class RunPhase(IntEnum):
    """How it is with a time of a backfill; the values are those of the messages."""

    WAITING = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4
    REFUSED = 5
    EXISTING = 6
    CANCELLED = 7


def check_schedule(plan: Identifier, schedule: Schedule | None, faults: Faults) -> None:
    """Note what is wrong with the schedule of a launch plan."""
    found = None if schedule is None else times_of(schedule.rule)
    if isinstance(found, ScheduleFault):
        faults.add(CODE, f"the schedule of the launch plan {plan}: {found.headline}", found.help)


def sound_times(schedule: Schedule) -> Times:
    """Return the times of a schedule that was registered."""
    found = times_of(schedule.rule)
    assert not isinstance(found, ScheduleFault), "it was checked when it was registered"
    return found


def run_name(place: tuple[str, str, str], at_ns: int, again: int = 0) -> str:
    """Return the name of the execution of a launch plan for a time of its schedule; always the same one.

    Whatever the version: a time that has been started is not started again because another version is active now.

    Args:
        place: project, domain and name of the launch plan.
        at_ns: the time.
        again: how often it was to be started anew, after failures.
    """
    project, domain, name = place
    word = f"schedule\0{project}\0{domain}\0{name}\0{at_ns}" + (f"\0{again}" if again else "")
    return "f" + letters(int.from_bytes(sha256(word.encode()).digest()[:16]))
