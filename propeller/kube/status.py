"""The status of a `FlyteWorkflow`: what a person who looks at the object wants to know."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flytelike.model.failure import Failure, Fault
from flytelike.model.phases import WorkflowPhase
from propeller.kube.fields import Fields, MalformedResource

MESSAGE_MAX = 1024
"""Characters of `message` in the schema."""

FAILURE_MESSAGE_MAX = 2048
CODE_MAX = 256
WAITS_FOR_MAX = 256

SUCCEEDED = "Succeeded"
"""The condition that `kubectl wait --for=condition=Succeeded` waits for: Unknown until the end."""


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """The nodes of the workflow itself. Those within sub-workflows and arrays are counted by their node."""

    total: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def done(self) -> int:
        """How many have ended, one way or another."""
        return self.succeeded + self.failed + self.skipped


@dataclass(frozen=True, slots=True)
class WorkflowStatus:
    """How an execution goes. Times are nanoseconds since 1970, 0 for not yet; kept to the microsecond.

    `sequence` is the number of the last record of the history that is told of here. `observed_generation` is the
    object's generation whose wishes are known to the engine.
    """

    phase: WorkflowPhase = WorkflowPhase.UNDEFINED
    nodes: NodeCounts = field(default_factory=NodeCounts)
    message: str = ""
    waits_for: str = ""
    failure: Failure | None = None
    started_ns: int = 0
    ended_ns: int = 0
    output_uri: str = ""
    sequence: int = 0
    observed_generation: int = 0


def status_to_json(status: WorkflowStatus) -> dict[str, Any]:
    """Return the document's `status`. Long texts are cut to what the schema takes."""
    counts = status.nodes
    document: dict[str, Any] = {
        "phase": status.phase.name if status.phase else "",
        "progress": f"{counts.done}/{counts.total}" if counts.total else "",
        "message": _cut(status.message, MESSAGE_MAX),
        "waitsFor": _cut(status.waits_for, WAITS_FOR_MAX),
        "startedAt": _time(status.started_ns),
        "endedAt": _time(status.ended_ns),
        "sequence": status.sequence,
        "observedGeneration": status.observed_generation,
        "conditions": [_condition(status)],
    }
    if counts.total:
        document["nodes"] = {
            "total": counts.total,
            "running": counts.running,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "skipped": counts.skipped,
        }
    if status.failure is not None:
        document["failure"] = {
            "code": _cut(status.failure.code, CODE_MAX),
            "message": _cut(status.failure.message, FAILURE_MESSAGE_MAX),
            "fault": status.failure.fault.name,
        }
    if status.output_uri:
        document["outputs"] = {"uri": status.output_uri}
    return {key: value for key, value in document.items() if value not in ("", None)}


def status_from_json(status: Fields) -> WorkflowStatus:
    """Return a status. Raises `MalformedResource`."""
    counts = status.maybe("nodes") or Fields({}, f"{status.path}.nodes")
    failure, outputs = status.maybe("failure"), status.maybe("outputs")
    return WorkflowStatus(
        phase=status.member("phase", WorkflowPhase, WorkflowPhase.UNDEFINED),
        nodes=NodeCounts(
            counts.number("total", 0),
            counts.number("running", 0),
            counts.number("succeeded", 0),
            counts.number("failed", 0),
            counts.number("skipped", 0),
        ),
        message=status.text("message", ""),
        waits_for=status.text("waitsFor", ""),
        failure=None
        if failure is None
        else Failure(
            failure.text("code"),
            failure.text("message"),
            failure.member("fault", Fault, Fault.UNKNOWN),
            retryable=False,
        ),
        started_ns=_ns(status, "startedAt"),
        ended_ns=_ns(status, "endedAt"),
        output_uri="" if outputs is None else outputs.text("uri"),
        sequence=status.number("sequence", 0),
        observed_generation=status.number("observedGeneration", 0),
    )


def _condition(status: WorkflowStatus) -> dict[str, Any]:
    """Return the standard condition by which tools tell how it went."""
    phase = status.phase
    told = "Unknown"
    if phase.terminal:
        told = "True" if phase is WorkflowPhase.SUCCEEDED else "False"
    return {
        "type": SUCCEEDED,
        "status": told,
        "reason": "".join(word.capitalize() for word in phase.name.split("_")),
        "message": _cut(status.message, MESSAGE_MAX),
        "observedGeneration": status.observed_generation,
        "lastTransitionTime": _time(status.ended_ns or status.started_ns) or _time(1),
    }


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _time(at_ns: int) -> str:
    if not at_ns:
        return ""
    return datetime.fromtimestamp(at_ns // 1_000 / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _ns(status: Fields, name: str) -> int:
    text = status.text(name, "")
    if not text:
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedResource(f"{status.path}.{name}", f"{text!r} is no time") from None
    return round(at.timestamp() * 1e6) * 1_000
