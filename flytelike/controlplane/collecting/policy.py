"""Which executions may go: rules by place, workflow, end and age. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from flytelike.model.phases import WorkflowPhase

STATES = {
    "succeeded": WorkflowPhase.SUCCEEDED,
    "failed": WorkflowPhase.FAILED,
    "aborted": WorkflowPhase.ABORTED,
    "timed-out": WorkflowPhase.TIMED_OUT,
}
"""What people call the phases in which executions end."""

ANY = "*"


@dataclass(frozen=True, slots=True)
class Ended:
    """An execution that has ended, as far as rules ask. `ended_ns` is when the last of its children had ended, too."""

    project: str
    domain: str
    name: str
    workflow: str
    phase: WorkflowPhase
    ended_ns: int
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """Executions that go once they have ended `older_than_ns` ago; the latest ones of each workflow may stay.

    `project`, `domain` and `workflow` are patterns (`*`, `team-*`). No `phases` means all. All `labels`
    must be there. With `older_than_ns` None what matches stays for ever.
    """

    older_than_ns: int | None
    project: str = ANY
    domain: str = ANY
    workflow: str = ANY
    phases: frozenset[WorkflowPhase] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    keep_latest: int = 0

    def covers(self, execution: Ended) -> bool:
        """Tell whether the rule speaks of an execution."""
        return (
            fnmatchcase(execution.project, self.project)
            and fnmatchcase(execution.domain, self.domain)
            and fnmatchcase(execution.workflow, self.workflow)
            and (not self.phases or execution.phase in self.phases)
            and all(execution.labels.get(key) == value for key, value in self.labels.items())
        )


@dataclass(frozen=True, slots=True)
class CacheRule:
    """Cached results that go: those not used for `unused_ns`, and the least used beyond `max_bytes`. 0: no bound."""

    project: str = ""
    domain: str = ""
    unused_ns: int = 0
    max_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Policies:
    """What the platform's owner has decided.

    `every_ns` is how often the platform collects by itself, once there is a rule. `engine_states_ns` is how
    long the engine keeps the states of what has ended; None leaves it to the engine.
    """

    rules: tuple[Rule, ...] = ()
    cache: tuple[CacheRule, ...] = ()
    every_ns: int = 6 * 3600 * 1_000_000_000
    engine_states_ns: int | None = None

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.rules or self.cache)


def rule_for(rules: Sequence[Rule], execution: Ended) -> Rule | None:
    """Return the first rule that speaks of an execution: it alone decides."""
    return next((rule for rule in rules if rule.covers(execution)), None)


def is_due(rule: Rule, execution: Ended, now_ns: int) -> bool:
    """Tell whether an execution has ended long enough ago."""
    return rule.older_than_ns is not None and execution.ended_ns <= now_ns - rule.older_than_ns


def youngest_age_ns(rules: Sequence[Rule]) -> int | None:
    """Return the age below which no rule lets anything go; None when no rule does at any."""
    return min((rule.older_than_ns for rule in rules if rule.older_than_ns is not None), default=None)
