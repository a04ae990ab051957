"""Gates: `approve`, `wait_for_input` and `sleep` let a workflow wait for a person, a value or a time."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar, cast

from typing_extensions import override

from flytelike.model import gate as model
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.sdk.construct import Construct, Made
from flytelike.sdk.faults import fault
from flytelike.sdk.option_rules import duration_ns
from flytelike.sdk.promise import Promise, VoidPromise, source_of
from flytelike.sdk.promised import hint_of
from flytelike.sdk.signals import SignalRefused, signalled
from flytelike.sdk.signature import Hint, Input, Outputs, Shape
from flytelike.sdk.stand_in import StandIn
from flytelike.sdk.trace import trace_here
from flytelike.types.registry import literal_type_of

T = TypeVar("T")

_INSTEAD = "call it in the body of a `@workflow`"


def approve(upstream_item: T, name: str, timeout: timedelta | None = None) -> T:
    """Let a workflow wait until a person approves a value; return the value.

    Args:
        upstream_item: The result of a call, or an input of the workflow.
        name: The name of the signal that approves or refuses.
        timeout: How long to wait before the workflow fails; without it, as long as it takes.

    Raises:
        DiagnosticError: There is no workflow being put together, or nothing that could be approved.
    """
    trace = trace_here("`approve` makes a node of a workflow", _INSTEAD)
    value: object = upstream_item
    if not isinstance(value, Promise):
        raise DiagnosticError([_nothing_to_approve(name, value)])
    gate = Approval(name, hint_of(source_of(value)), timeout, Made.here())
    return cast("T", trace.result_of(trace.add(gate, {"o0": value}, gate.made.site)))


def wait_for_input(name: str, timeout: timedelta | None, expected_type: type[T]) -> T:
    """Let a workflow wait until a value is given from outside; return it.

    Args:
        name: The name of the signal that gives the value.
        timeout: How long to wait before the workflow fails; None: as long as it takes.
        expected_type: The type of the value.

    Raises:
        DiagnosticError: There is no workflow being put together, or no value of this type can be given.
    """
    trace = trace_here("`wait_for_input` makes a node of a workflow", _INSTEAD)
    gate = Signal(name, expected_type, timeout, Made.here())
    return cast("T", trace.result_of(trace.add(gate, {}, gate.made.site)))


def sleep(duration: timedelta) -> VoidPromise:
    """Let a workflow wait for a time; order what comes after it by `>>`. Local runs do not wait.

    Raises:
        DiagnosticError: There is no workflow being put together.
    """
    trace = trace_here("`sleep` makes a node of a workflow", "use `time.sleep` inside a task")
    gate = Sleep(duration, Made.here())
    return cast("VoidPromise", trace.result_of(trace.add(gate, {}, gate.made.site)))


class Gate(Construct):
    """A step that waits."""

    def __init__(self, name: str, timeout: timedelta | None, made: Made) -> None:
        """Keep the parts."""
        super().__init__(name, "gate", made)
        self.made = made
        self.timeout = timeout

    @property
    def timeout_ns(self) -> int | None:
        """How long to wait, in nanoseconds."""
        return None if self.timeout is None else duration_ns(self.timeout)

    @property
    def waits_for(self) -> model.Gate:
        """What it waits for, in the model's terms."""
        raise TypeError("a gate waits for something")


class Approval(Gate):
    """Waits for a person who says yes to a value."""

    def __init__(self, name: str, hint: Hint, timeout: timedelta | None, made: Made) -> None:
        """Keep the parts; `hint` is the value's annotation."""
        super().__init__(name, timeout, made)
        self._hint = hint

    @property
    @override
    def takes(self) -> dict[str, Input]:
        return {"o0": Input(self._hint)}

    @property
    @override
    def gives(self) -> Outputs:
        return Outputs({"o0": self._hint}, Shape.SINGLE)

    @property
    @override
    def waits_for(self) -> model.Gate:
        return model.Approval(self.short_name)

    @override
    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Mapping[str, object]:
        return kwargs

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Ask whether the value is approved."""
        if not signalled(self.short_name, bool, f"approve {inputs['o0']!r}?"):
            raise SignalRefused(f"`{self.short_name}` was not approved")
        return inputs


class Signal(Gate):
    """Waits for a value of a type."""

    def __init__(self, name: str, hint: Hint, timeout: timedelta | None, made: Made) -> None:
        """Keep the parts; `hint` is the value's annotation."""
        super().__init__(name, timeout, made)
        self._hint = hint

    @property
    @override
    def gives(self) -> Outputs:
        return Outputs({"o0": self._hint}, Shape.SINGLE)

    @property
    @override
    def waits_for(self) -> model.Gate:
        return model.Signal(self.short_name, literal_type_of(self._hint), "o0")

    @override
    def faults(self) -> tuple[Diagnostic, ...]:
        try:
            literal_type_of(self._hint)
        except DiagnosticError as error:
            text = f"the value of `{self.short_name}`"
            return tuple(
                fault(told.code, f"{text}: {told.headline}", self.span, "declared here", help=told.help)
                for told in error.diagnostics
            )
        return ()

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Ask for the value."""
        return {"o0": signalled(self.short_name, self._hint, "give a value")}


class Sleep(Gate):
    """Waits for a time."""

    def __init__(self, duration: timedelta, made: Made) -> None:
        """Keep the parts."""
        super().__init__("sleep", None, made)
        self._duration = duration

    @property
    @override
    def waits_for(self) -> model.Gate:
        return model.Sleep(duration_ns(self._duration))

    @override
    def faults(self) -> tuple[Diagnostic, ...]:
        if self._duration > timedelta(0):
            return ()
        headline = f"the workflow is to sleep for {self._duration}, which is no time to come"
        return (fault("invalid-option", headline, self.span, help=("give a duration above zero",)),)

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Wait for nothing: nobody wants to wait for a local run."""
        return {}


def _nothing_to_approve(name: str, value: Any) -> Diagnostic:  # noqa: ANN401 - whatever the author gave
    what = value.given_to("`approve`") if isinstance(value, StandIn) else f"`{name}` approves no value to come"
    return fault(
        "nothing-to-approve",
        what,
        Made.here().site.span,
        "approved here",
        help=("approve the result of a call that gives one value, or an input of the workflow",),
    )
