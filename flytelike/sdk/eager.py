"""`@eager`: an `async def` whose calls are executions of their own, awaited one by one or together."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from typing_extensions import Unpack, override

from flytelike.model.call import Calls
from flytelike.model.ids import Identifier
from flytelike.sdk.eager_session import LocalSession, PlatformSession
from flytelike.sdk.entity import AnyEntity, P
from flytelike.sdk.event_loop import run_to_end
from flytelike.sdk.frames import caller
from flytelike.sdk.local import check_inputs, check_outputs
from flytelike.sdk.mentions import mentioned
from flytelike.sdk.session import Session, current_session, in_session
from flytelike.sdk.settings import Settings
from flytelike.sdk.task import Task
from flytelike.sdk.task_options import TaskOptions, TaskPolicies
from flytelike.sdk.trace import current_trace
from flytelike.types.context import ValueContext

T = TypeVar("T")


class Eager(Task[P, Coroutine[Any, Any, T]]):
    """An eager task. Calling it gives a coroutine, as of any `async def`; in a workflow's body, a node."""

    def __init__(self, function: Callable[P, Coroutine[Any, Any, T]], options: TaskOptions) -> None:
        """Wrap a function; what is wrong with it or its options is told when it is first used."""
        super().__init__(function, options, "eager task")

    @override
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        """Record a node (in a workflow's body), call (in an eager function), or run as plain Python."""
        trace = current_trace()
        if trace is not None:
            return cast("Coroutine[Any, Any, T]", trace.call(self, args, kwargs, caller()))
        session = current_session() or LocalSession()
        return cast("Coroutine[Any, Any, T]", session.call(self, args, kwargs, {}))

    @override
    def aio(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:  # type: ignore[override]
        """Call it; the same as without `.aio`."""
        return self(*args, **kwargs)

    @cached_property
    @override
    def policies(self) -> TaskPolicies:
        """The options in the model's terms; DiagnosticError if some are wrong."""
        policies = super().policies
        return replace(policies, metadata=replace(policies.metadata, is_eager=True))

    @override
    def calls(self) -> Iterable[AnyEntity]:
        return self._mentioned

    @cached_property
    def _mentioned(self) -> tuple[AnyEntity, ...]:
        return tuple(entity for entity in mentioned(self.function) if entity is not self)

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Run the function to its end as plain Python."""
        return run_to_end(self.run_async(inputs))

    async def run_async(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Run the function as plain Python, its calls in this process."""
        check_inputs(self.short_name, self.signature, inputs)
        outputs = self.outputs_of(await self._performed(inputs, LocalSession()))
        check_outputs(self.short_name, self.signature, outputs)
        return outputs

    async def perform(
        self, inputs: Mapping[str, object], *, task: Identifier, values: ValueContext, calls: Calls
    ) -> object:
        """Run the function, its calls by the platform; return its result.

        Args:
            inputs: The arguments.
            task: As what it is registered; what it calls is of the same project, domain and version.
            values: Where data that it gives to calls are stored.
            calls: Carries out the calls.
        """
        settings = Settings(task.project, task.domain, task.version, Path())
        return await self._performed(inputs, PlatformSession(calls, settings, values))

    async def _performed(self, inputs: Mapping[str, object], session: Session) -> object:
        with in_session(session):
            return await self.function(**inputs)  # type: ignore[arg-type, call-arg]


@overload
def eager(function: Callable[P, Coroutine[Any, Any, T]], /) -> Eager[P, T]: ...


@overload
def eager(**options: Unpack[TaskOptions]) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Eager[P, T]]: ...


def eager(
    function: Callable[P, Coroutine[Any, Any, T]] | None = None, /, **options: Unpack[TaskOptions]
) -> Eager[P, T] | Callable[[Callable[P, Coroutine[Any, Any, T]]], Eager[P, T]]:
    """Make an eager task of an `async def`. Used with or without parentheses.

    In its body, calls of tasks, workflows and launch plans are awaited: `await double(n=1)`, or where a
    type checker shall see what comes, `await double.aio(n=1)`. Each call is an execution of its own; after
    a crash the function runs again, and calls that had ended are not made again.

    Args:
        function: The function, when used without parentheses.
        **options: See `TaskOptions`.
    """
    if function is not None:
        return Eager(function, options)
    return lambda decorated: Eager(decorated, options)
