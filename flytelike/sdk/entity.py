"""What tasks, workflows and launch plans have in common: they can be called, in a trace or not."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from functools import cached_property, update_wrapper
from inspect import Signature as PythonSignature
from inspect import signature as python_signature
from typing import Any, ClassVar, Generic, ParamSpec, TypeAlias, TypeVar, cast

from typing_extensions import Unpack

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.ids import ResourceKind
from flytelike.model.span import SourceSpan
from flytelike.sdk.faults import raise_faults
from flytelike.sdk.frames import caller
from flytelike.sdk.node_options import NodeOptions
from flytelike.sdk.results import packed
from flytelike.sdk.session import current_session
from flytelike.sdk.signature import Signature, signature_of
from flytelike.sdk.trace import current_trace

P = ParamSpec("P")
R = TypeVar("R")

AnyEntity: TypeAlias = "NodeEntity[..., Any]"


class NodeEntity(ABC, Generic[P, R]):
    """Something that becomes a node when it is called inside a workflow.

    To a type checker a call gives what the author's function returns. Inside a workflow's
    body it really gives promises of it; outside, it runs as plain Python.
    """

    resource_kind: ClassVar[ResourceKind]

    def __init__(self, function: Callable[P, R], kind: str) -> None:
        """Wrap the author's function; `kind` is the word for it in messages."""
        self.function = function
        self.kind = kind
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Record a node (inside a workflow's body), or run as plain Python."""
        trace = current_trace()
        if trace is not None:
            return cast("R", trace.call(self, args, kwargs, caller()))
        session = current_session()
        if session is not None:
            return cast("R", session.call(self, args, kwargs, {}))
        self.check()
        return cast("R", self.call_locally(self.bind(args, kwargs)))

    def aio(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Call it from an `async def`: the result is to be awaited.

        In an eager function it is the same as a call without `.aio`, with a type that checkers know.
        """
        session = current_session()
        if session is not None:
            return cast("Coroutine[Any, Any, R]", session.call(self, args, kwargs, {}))
        return _at_last(lambda: self(*args, **kwargs))

    def with_overrides(self, **options: Unpack[NodeOptions]) -> "Overridden[P, R]":
        """Return this entity with other policies for the calls made through it.

        Unlike `.with_overrides` on a call's result, type checkers understand it:
        `train.with_overrides(retries=3)(rows=rows)`.
        """
        return Overridden(self, options)

    @property
    def short_name(self) -> str:
        """The function's own name."""
        return self.function.__name__

    @property
    def registered_name(self) -> str:
        """The name in the registry, in its project and domain."""
        return f"{self.function.__module__}.{self.function.__name__}"

    @property
    def node_name(self) -> str:
        """The name that people read of a node that calls it."""
        return self.short_name

    @property
    def is_task(self) -> bool:
        """Whether policies of tasks (resources, image, cache) can be overridden."""
        return self.resource_kind is ResourceKind.TASK

    @cached_property
    def signature(self) -> Signature:
        """What the author's function takes and gives."""
        return signature_of(self.function, self.kind)

    @cached_property
    def callable_inputs(self) -> Iterable[str]:
        """Names of the inputs a caller may give."""
        return dict.fromkeys(self.signature.inputs)

    @cached_property
    def required_inputs(self) -> Iterable[str]:
        """Names of the inputs a caller must give."""
        return tuple(name for name, found in self.signature.inputs.items() if found.required)

    @property
    def span(self) -> SourceSpan:
        """Where it was made."""
        return self.signature.span

    def why_not_callable_with(self, name: str) -> tuple[str, str]:
        """Say why there can be no argument of a name: an error code, and what completes "`<entity>` ..."."""
        return "unknown-input", f"has no input `{name}`"

    def completed(self, named: Mapping[str, object]) -> Mapping[str, object]:
        """Return the arguments of a call together with those that are bound already."""
        return named

    def faults(self) -> Iterable[Diagnostic]:
        """Return everything that is wrong with the entity itself."""
        return self.signature.faults

    def calls(self) -> Iterable[AnyEntity]:
        """Return the entities that this one's graph calls."""
        return ()

    def check(self) -> None:
        """Raise DiagnosticError with all faults of the entity and of everything it calls."""
        raise_faults(found for entity in reachable(self) for found in entity.faults())

    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Mapping[str, object]:
        """Return the arguments of a call outside a trace by name, defaults filled in; TypeError as Python's."""
        bound = self.python_signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def call_locally(self, inputs: Mapping[str, object]) -> object:
        """Run as plain Python; return the result in the author's shape."""
        return packed(self.signature.outputs, self.run(inputs))

    @abstractmethod
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Run as plain Python with inputs by name; return outputs by name."""

    @cached_property
    def python_signature(self) -> PythonSignature:
        """The function's parameters as Python sees them."""
        return python_signature(self.function)


class Overridden(Generic[P, R]):
    """An entity with other policies for the calls made through it."""

    def __init__(self, entity: NodeEntity[P, R], options: NodeOptions) -> None:
        """Keep both; the options are checked where a node is made."""
        self._entity = entity
        self._options = options

    @property
    def entity(self) -> NodeEntity[P, R]:
        """The entity itself."""
        return self._entity

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the entity; inside a workflow's body, override its node."""
        trace = current_trace()
        session = current_session()
        if trace is None and session is not None:
            return cast("R", session.call(self._entity, args, kwargs, self._options))
        if trace is None:
            return self._entity(*args, **kwargs)
        result = trace.call(self._entity, args, kwargs, caller())
        trace.nodes[-1].override(self._options)
        return cast("R", result)

    def aio(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Call the entity from an `async def`: the result is to be awaited."""
        session = current_session()
        if session is not None:
            return cast("Coroutine[Any, Any, R]", session.call(self._entity, args, kwargs, self._options))
        return self._entity.aio(*args, **kwargs)


async def _at_last(call: Callable[[], R]) -> R:
    return call()


def reachable(*entities: AnyEntity) -> Iterator[AnyEntity]:
    """Yield entities and everything their graphs call, each once, callers first."""
    waiting = list(reversed(entities))
    seen: set[int] = set()
    while waiting:
        entity = waiting.pop()
        if id(entity) in seen:
            continue
        seen.add(id(entity))
        yield entity
        waiting.extend(reversed(tuple(entity.calls())))
