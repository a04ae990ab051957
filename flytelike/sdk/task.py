"""`@task`: a function that runs in a process of its own."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import cached_property
from typing import Any, Protocol, TypeVar, cast, overload

from typing_extensions import Unpack, override

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.ids import ResourceKind
from flytelike.sdk.entity import NodeEntity, P, R
from flytelike.sdk.event_loop import awaited
from flytelike.sdk.faults import fault
from flytelike.sdk.local import check_inputs, check_outputs
from flytelike.sdk.results import unpacked
from flytelike.sdk.settings import Settings
from flytelike.sdk.signature import plain_function
from flytelike.sdk.source import option_span
from flytelike.sdk.task_options import TaskOptions, TaskPolicies, task_option_faults, task_policies

T = TypeVar("T")


class Task(NodeEntity[P, R]):
    """A task: the author's function with its policies."""

    resource_kind = ResourceKind.TASK

    def __init__(self, function: Callable[P, R], options: TaskOptions, kind: str = "task") -> None:
        """Wrap a function; what is wrong with it or its options is told when it is first used."""
        plain_function(function)
        super().__init__(function, kind)
        self.options = options

    @cached_property
    def policies(self) -> TaskPolicies:
        """The options in the model's terms; DiagnosticError if some are wrong."""
        self.check()
        return task_policies(self.options)

    @override
    def faults(self) -> Iterable[Diagnostic]:
        return self._faults

    @cached_property
    def _faults(self) -> tuple[Diagnostic, ...]:
        signature = self.signature
        options = tuple(
            fault(
                found.code, found.headline, option_span(signature.code, found.option), help=filter(None, [found.help])
            )
            for found in task_option_faults(self.options, tuple(signature.inputs))
        )
        return options + signature.faults

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """Return the variables that the task's process needs beside those its author asked for."""
        return settings.env

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Run the function on checked values; what it raises passes through."""
        check_inputs(self.short_name, self.signature, inputs)
        result = awaited(self.function(**inputs))  # type: ignore[arg-type, call-arg]
        outputs = self.outputs_of(result)
        check_outputs(self.short_name, self.signature, outputs)
        return outputs

    def outputs_of(self, result: object) -> Mapping[str, object]:
        """Return a result of the function by output name.

        Raises:
            ResultShapeError: It has another shape than the annotation says.
        """
        return unpacked(self.signature.outputs, result, self.short_name)


class TaskDecorator(Protocol):
    """What `task(...)` gives: it makes a task of a function."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, T]], /) -> Task[P, T]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(function: Callable[P, Coroutine[Any, Any, T]], /) -> Task[P, T]: ...


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(**options: Unpack[TaskOptions]) -> TaskDecorator: ...


def task(function: Callable[P, Any] | None = None, /, **options: Unpack[TaskOptions]) -> Task[P, Any] | TaskDecorator:
    """Make a task of a function. Used with or without parentheses. That of an `async def` is run to its end.

    Args:
        function: The function, when used without parentheses.
        **options: See `TaskOptions`.
    """
    if function is not None:
        return Task(function, options)
    return cast("TaskDecorator", lambda decorated: Task(decorated, options))
