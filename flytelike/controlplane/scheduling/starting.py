"""Starting the execution of a launch plan for a time of its schedule: at most one for a name."""

import logging
from dataclasses import dataclass

from flytelike.controlplane.errors import Refusal, Status
from flytelike.controlplane.executions import Executions, Wanted
from flytelike.model.ids import ExecutionId, Identifier
from flytelike.model.literals import Instant, Literal, Primitive
from flytelike.model.schedule import Schedule
from flytelike.storage import StorageError
from flytelike_idl.admin import execution_pb2

log = logging.getLogger(__name__)

TRIES_MAX = 30
"""After so many failures that nobody foresaw, a time is given up and said to be."""
FAULT_CHARACTERS_MAX = 2_000


class Later(Exception):
    """It cannot be started just now: it is the platform's trouble, and passes."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An execution to start: `name`, of a version of a launch plan, for a time of its schedule, as `user`."""

    plan: Identifier
    schedule: Schedule
    at_ns: int
    name: str
    user: str


class Starting:
    """Starts planned executions."""

    def __init__(self, executions: Executions) -> None:
        """Start through `executions`."""
        self._executions = executions
        self._tries: dict[str, int] = {}

    async def start(self, planned: Planned) -> str:
        """Start an execution that may have been started already; return why it cannot be, empty if it runs.

        Raises:
            Later: it is to be tried again.
        """
        try:
            await self._executions.start(_wanted(planned))
        except Refusal as error:
            if error.status is Status.ALREADY_EXISTS:  # by another server, or by this one before it was killed
                return self._done(planned)
            if error.passing or error.status is Status.UNAVAILABLE:
                raise Later(str(error)) from error
            return self._done(planned, "; ".join(f"{it.headline} [{it.code}]" for it in error.diagnostics))
        except StorageError as error:
            raise Later(str(error)) from error
        except Exception as error:
            tries = self._tries[planned.name] = self._tries.get(planned.name, 0) + 1
            if tries < TRIES_MAX:
                raise Later(str(error)) from error
            log.exception("execution %s cannot be started; given up after %d tries", planned.name, tries)
            return self._done(planned, f"{type(error).__name__}: {error}")
        return self._done(planned)

    def _done(self, planned: Planned, fault: str = "") -> str:
        self._tries.pop(planned.name, None)
        return fault[:FAULT_CHARACTERS_MAX]


def _wanted(planned: Planned) -> Wanted:
    spec = execution_pb2.ExecutionSpec()
    spec.metadata.mode = execution_pb2.ExecutionMetadata.SCHEDULED
    spec.metadata.scheduled_at.FromNanoseconds(planned.at_ns)
    kickoff = planned.schedule.kickoff
    inputs = {kickoff: Literal(Primitive(Instant(planned.at_ns)))} if kickoff else {}
    execution = ExecutionId(planned.plan.project, planned.plan.domain, planned.name)
    return Wanted(execution, planned.plan, spec, inputs, planned.user)
