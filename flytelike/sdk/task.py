"""`@task`: a function that runs in a process of its own."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar, cast, overload

from typing_extensions import Unpack, override

from flytelike.deck.fields import ALL_FIELDS, DeckField
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.graph import Container
from flytelike.model.ids import ResourceKind
from flytelike.model.span import SourceSpan
from flytelike.model.types import Json
from flytelike.sdk.entity import NodeEntity, P, R
from flytelike.sdk.event_loop import awaited
from flytelike.sdk.faults import fault
from flytelike.sdk.local import check_inputs, check_outputs
from flytelike.sdk.results import unpacked
from flytelike.sdk.settings import Settings
from flytelike.sdk.signature import plain_function
from flytelike.sdk.source import option_span
from flytelike.sdk.task_command import execute_arguments
from flytelike.sdk.task_options import FunctionTaskOptions, TaskOptions, TaskPolicies, task_option_faults, task_policies
from flytelike.sdk.task_plugins import TaskPlugins

T = TypeVar("T")


class Task(NodeEntity[P, R]):
    """A task: the author's function with its policies."""

    resource_kind = ResourceKind.TASK
    task_type: str = "python-task"
    """What kind of task it is to the platform."""
    given_name: str = ""
    """What it is registered as, if not by its function's place."""

    def __init__(self, function: Callable[P, R], options: TaskOptions, kind: str = "task") -> None:
        """Wrap a function; what is wrong with it or its options is told when it is first used."""
        plain_function(function)
        super().__init__(function, kind)
        self.options = options

    @property
    @override
    def registered_name(self) -> str:
        return self.given_name or super().registered_name

    @property
    def location(self) -> tuple[str, str]:
        """The module and the variable in it that holds this task."""
        return self.function.__module__, self.function.__name__

    def container(self, settings: Settings) -> Container | None:
        """Return how the platform starts it; None when it starts nothing."""
        policies = self.policies
        return Container(
            image=policies.image or settings.image,
            args=execute_arguments(settings, *self.location),
            resources=policies.resources,
            env={**self.environment(settings), **policies.environment},
        )

    def get_custom(self, settings: Settings) -> Mapping[str, Json] | None:  # noqa: ARG002 - for kinds of tasks
        """Return what the executor of this kind of task needs beside; None for nothing."""
        return None

    def get_config(self, settings: Settings) -> Mapping[str, str]:  # noqa: ARG002 - for kinds of tasks
        """Return settings of this kind of task, as texts."""
        return {}

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
            fault(found.code, found.headline, self.option_span(found.option), help=filter(None, [found.help]))
            for found in task_option_faults(self.options, tuple(signature.inputs))
        )
        return (*options, *signature.faults, *self.own_faults())

    def option_span(self, option: str) -> SourceSpan:
        """Return where an option was given."""
        return option_span(self.signature.code, option)

    def own_faults(self) -> Iterable[Diagnostic]:
        """Return what is wrong beside options and signature, in a kind of task that has more."""
        return ()

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """Return the variables that the task's process needs beside those its author asked for."""
        return settings.env

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Run the function on checked values; what it raises passes through."""
        check_inputs(self.short_name, self.signature, inputs)
        result = self.call(inputs)
        outputs = self.outputs_of(result)
        check_outputs(self.short_name, self.signature, outputs)
        return outputs

    def call(self, inputs: Mapping[str, object]) -> object:
        """Do the work with inputs by name; return the result as the author gave it."""
        return awaited(self.function(**inputs))  # type: ignore[arg-type, call-arg]

    def report_fields(self) -> Sequence[DeckField] | None:
        """Return what a report of the task shows beside the author's decks; None for no report."""
        return tuple(self.options.get("deck_fields", ALL_FIELDS)) if self.options.get("enable_deck") else None

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
def task(**options: Unpack[FunctionTaskOptions]) -> TaskDecorator: ...


def task(
    function: Callable[P, Any] | None = None, /, **options: Unpack[FunctionTaskOptions]
) -> Task[P, Any] | TaskDecorator:
    """Make a task of a function. Used with or without parentheses. That of an `async def` is run to its end.

    Args:
        function: The function, when used without parentheses.
        **options: See `TaskOptions`; a plugin's class for `task_config` makes the task if that is given.

    Raises:
        DiagnosticError: `unknown-task-config` when no plugin knows the configuration.
    """
    if function is not None:
        return Task(function, {})
    config = options.pop("task_config", None)
    rest = cast("TaskOptions", options)
    if config is None:
        return cast("TaskDecorator", lambda decorated: Task(decorated, rest))
    plugin = TaskPlugins.find_pythontask_plugin(type(config))
    return cast("TaskDecorator", lambda decorated: plugin(task_config=config, task_function=decorated, **rest))
