"""How long things stay: what the platform's owner writes in `retention.yaml`, made sure of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from flytelike.controlplane.collecting.durations import duration_ns, size_bytes
from flytelike.controlplane.collecting.policy import ANY, STATES, CacheRule, Policies, Rule
from flytelike.model.diagnostic import Diagnostic, DiagnosticError

T = TypeVar("T")

EVERY_NS_MIN = 60 * 1_000_000_000
_RULE = frozenset({"older_than", "project", "domain", "workflow", "states", "labels", "keep_latest"})
_CACHE = frozenset({"project", "domain", "unused_for", "max_size"})
_TOP = frozenset({"executions", "cache", "engine_states", "every"})
_EXAMPLE = "such as\nexecutions:\n  - states: [failed]\n    older_than: 90d\n  - older_than: 30d\n    keep_latest: 5"


def policies_in(file: Path) -> Policies:
    """Return what a file says; no rules when it is not there.

    Raises:
        DiagnosticError: `invalid-retention` for each thing in it that cannot be meant so.
    """
    if not file.exists():
        return Policies()
    import yaml  # noqa: PLC0415 - few have the file, and every start would pay for the import

    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DiagnosticError([fault(file, "", f"it cannot be read: {error}")]) from None
    reading = _Reading(file)
    policies = reading.policies({} if document is None else document)
    if reading.faults:
        raise DiagnosticError(reading.faults)
    return policies


@dataclass(slots=True)
class _Reading:
    """A file that is read, and every fault found in it."""

    file: Path
    faults: list[Diagnostic] = field(default_factory=list)

    def policies(self, document: object) -> Policies:
        """Return what a whole document says."""
        top = self._fields(document, "", _TOP)
        default = Policies()
        every = self._duration(top, "", "every")
        if every is not None and every < EVERY_NS_MIN:
            self._fault("every", "the platform collects once a minute at most")
        states = self._duration(top, "", "engine_states")
        if states is not None and states == 0:
            self._fault("engine_states", "the engine keeps them for a second at least")
        return Policies(
            tuple(self._list(top, "executions", self._rule)),
            tuple(self._list(top, "cache", self._cache)),
            default.every_ns if every is None else every,
            states,
        )

    def _rule(self, document: object, where: str) -> Rule:
        fields = self._fields(document, where, _RULE)
        states = fields.get("states", [])
        if not isinstance(states, list) or any(state not in STATES for state in states):
            self._fault(f"{where}.states", f"a list of {', '.join(sorted(STATES))} is wanted")
            states = []
        labels = fields.get("labels", {})
        if not isinstance(labels, dict):
            self._fault(f"{where}.labels", "labels and their values are wanted, such as {customer: acme}")
            labels = {}
        if "older_than" not in fields:
            self._fault(where, "it does not say `older_than`; write `older_than: never` for what stays")
        latest = fields.get("keep_latest", 0)
        if not isinstance(latest, int) or isinstance(latest, bool) or latest < 0:
            self._fault(f"{where}.keep_latest", "a whole number is wanted")
            latest = 0
        never = fields.get("older_than") == "never"
        return Rule(
            None if never else self._duration(fields, where, "older_than"),
            self._text(fields, where, "project") or ANY,
            self._text(fields, where, "domain") or ANY,
            self._text(fields, where, "workflow") or ANY,
            frozenset(STATES[state] for state in states),
            {str(key): str(value) for key, value in labels.items()},
            latest,
        )

    def _cache(self, document: object, where: str) -> CacheRule:
        fields = self._fields(document, where, _CACHE)
        size = fields.get("max_size", 0)
        found = size if isinstance(size, int) else size_bytes(str(size))
        if found is None or found < 0:
            self._fault(f"{where}.max_size", f"{size!r} is no size; write one such as 20GB")
        if not fields.keys() & {"unused_for", "max_size"}:
            self._fault(where, "it says neither `unused_for` nor `max_size`")
        return CacheRule(
            self._text(fields, where, "project"),
            self._text(fields, where, "domain"),
            self._duration(fields, where, "unused_for") or 0,
            found or 0,
        )

    def _list(self, top: Mapping[str, object], name: str, read: Callable[[object, str], T]) -> list[T]:
        found = top.get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            self._fault(name, "a list of rules is wanted")
            return []
        return [read(item, f"{name}[{index}]") for index, item in enumerate(found)]

    def _fields(self, document: object, where: str, known: frozenset[str]) -> Mapping[str, object]:
        if not isinstance(document, dict):
            self._fault(where, f"names and values are wanted, {_EXAMPLE}")
            return {}
        for name in document:
            if name not in known:
                self._fault(
                    f"{where}.{name}".strip("."), f"there is no such setting; known are {', '.join(sorted(known))}"
                )
        return document

    def _text(self, fields: Mapping[str, object], where: str, name: str) -> str:
        found = fields.get(name, "")
        if isinstance(found, str):
            return found
        self._fault(f"{where}.{name}", "a text is wanted")
        return ""

    def _duration(self, fields: Mapping[str, object], where: str, name: str) -> int | None:
        if name not in fields:
            return None
        found = duration_ns(str(fields[name]))
        if found is None:
            self._fault(f"{where}.{name}".strip("."), f"{fields[name]!r} is no duration; write one such as 30d or 12h")
        return found

    def _fault(self, where: str, text: str) -> None:
        self.faults.append(fault(self.file, where, text))


def fault(file: Path, where: str, text: str) -> Diagnostic:
    """Return the diagnostic for something in a file."""
    place = f" at {where}" if where else ""
    return Diagnostic("invalid-retention", f"{file}{place}: {text}")
