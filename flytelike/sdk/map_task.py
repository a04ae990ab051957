"""`map_task`: one entity called for each element of lists."""

import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from types import GenericAlias
from typing import Any, ParamSpec, TypeVar, overload

from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.graph import MinSuccesses, MinSuccessRatio
from flytelike.model.ids import ResourceKind
from flytelike.model.span import SourceSpan
from flytelike.sdk.construct import Construct, Made
from flytelike.sdk.entity import AnyEntity, NodeEntity, P, R
from flytelike.sdk.faults import ArgumentError, fault, label
from flytelike.sdk.frames import author_site
from flytelike.sdk.signature import Hint, Input, Outputs, Shape, Signature

Q = ParamSpec("Q")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How the elements of a map run.

    Attributes:
        concurrency: How many run at once; 0 is no limit, None what the execution allows.
        success: With what the map succeeds; None: all elements must.
        run_all: Run the other elements although the map has failed already.
    """

    concurrency: int | None = None
    success: MinSuccesses | MinSuccessRatio | None = None
    run_all: bool = False

    @property
    def may_fail(self) -> bool:
        """Whether the map can succeed with elements that failed: these give None."""
        match self.success:
            case MinSuccessRatio(ratio):
                return ratio != 1
            case MinSuccesses():
                return True
            case None:
                return False

    def needed(self, elements: int) -> int:
        """Return how many of so many elements must succeed."""
        match self.success:
            case MinSuccessRatio() as success:
                return success.needed(elements)
            case MinSuccesses(count):
                return count
            case None:
                return elements


def listed(hint: Hint) -> Hint:
    """Return the annotation of a list of something."""
    return GenericAlias(list, (hint,))


def optional(hint: Hint) -> Hint:
    """Return the annotation of something or None."""
    return typing.Union[hint, None]  # noqa: UP007 - the annotation may be of any kind


class MapTask(NodeEntity[P, R]):
    """An entity that is called for each element of its inputs, but those that all elements share."""

    resource_kind = ResourceKind.UNSPECIFIED

    def __init__(self, target: AnyEntity, shared: Mapping[str, object], options: MapOptions, made: Made) -> None:
        """Keep the parts; use `map_task` instead."""
        super().__init__(target.function, "map")
        self.target: AnyEntity = target
        inherited = target.shared if isinstance(target, MapTask) else {}
        self.shared: dict[str, object] = {**inherited, **shared}
        self.options: MapOptions = options
        self._made: Made = made

    @property
    @override
    def short_name(self) -> str:
        return f"map_task({self.target.short_name})"

    @property
    @override
    def node_name(self) -> str:
        return f"map_{self.target.node_name}"

    @property
    @override
    def is_task(self) -> bool:
        return self.target.is_task

    @property
    @override
    def span(self) -> SourceSpan:
        return self._made.site.span

    @cached_property
    @override
    def signature(self) -> Signature:
        """Lists of what the target takes and gives."""
        target = self.target.signature
        inputs = {name: Input(self.hint_of(name), target.inputs[name].default) for name in self.target.callable_inputs}
        element = optional if self.options.may_fail else lambda hint: hint
        hints = {name: listed(element(hint)) for name, hint in target.outputs.hints.items()}
        return Signature(inputs, Outputs(hints, target.outputs.shape), target.code, target.faults)

    def hint_of(self, name: str) -> Hint:
        """Return the annotation of an input: a list, unless all elements share it."""
        hint = self.target.signature.inputs[name].hint
        return hint if name in self.shared else listed(hint)

    @cached_property
    @override
    def callable_inputs(self) -> Iterable[str]:
        return self.target.callable_inputs

    @cached_property
    @override
    def required_inputs(self) -> Iterable[str]:
        return tuple(name for name in self.target.required_inputs if name not in self.shared)

    @override
    def why_not_callable_with(self, name: str) -> tuple[str, str]:
        return self.target.why_not_callable_with(name)

    @override
    def completed(self, named: Mapping[str, object]) -> Mapping[str, object]:
        return {**self.shared, **named}

    def shared_in(self, arguments: Iterable[str]) -> tuple[str, ...]:
        """Return the inputs that all elements share in a call: the bound ones, and defaults of those left out."""
        given = frozenset(arguments)
        return tuple(name for name in self.target.callable_inputs if name in self.shared or name not in given)

    @override
    def calls(self) -> Iterable[AnyEntity]:
        return (self.target,)

    @override
    def faults(self) -> Iterator[Diagnostic]:
        outputs = self.target.signature.outputs
        if outputs.shape not in {Shape.NOTHING, Shape.SINGLE}:
            yield fault(
                "several-outputs-to-map",
                f"`{self.target.short_name}` gives {len(outputs.hints)} named outputs, and a map gives one list",
                self.span,
                "here",
                help=("let it give one value: a dataclass can hold several",),
                related=(label(self.target.signature.output_span(), "declared here"),),
            )
        yield from self._option_faults()

    def _option_faults(self) -> Iterator[Diagnostic]:
        spans = self._made.site.argument_spans()
        concurrency, success = self.options.concurrency, self.options.success
        if concurrency is not None and concurrency < 0:
            yield fault("invalid-option", "`concurrency` can't be negative", spans.get("concurrency", self.span))
        match success:
            case MinSuccesses(count) if count < 0:
                yield fault(
                    "invalid-option", "`min_successes` can't be negative", spans.get("min_successes", self.span)
                )
            case MinSuccessRatio(ratio) if not 0 <= ratio <= 1:
                yield fault(
                    "invalid-success-ratio",
                    f"`{self.short_name}` succeeds with a ratio of {ratio:g} of its elements",
                    spans.get("min_success_ratio", self.span),
                    help=("give a ratio from 0 to 1",),
                )
            case _:
                pass

    @override
    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Mapping[str, object]:
        positional = dict(zip((name for name in self.callable_inputs if name not in self.shared), args, strict=False))
        given = self.completed({**positional, **kwargs})
        for name in given:
            if name not in self.callable_inputs:
                raise TypeError(f"{self.short_name} got an unexpected keyword argument {name!r}")
        for name in self.required_inputs:
            if name not in given:
                raise TypeError(f"{self.short_name} missing the argument {name!r}")
        return given

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Run the target for one element after the other, in this process."""
        found: list[object] = []
        elements = list(self._elements(inputs))
        failed = 0
        for element in elements:
            try:
                outputs = self.target.run(self.target.bind((), element))
            except Exception:
                failed += 1
                if len(elements) - failed < self.options.needed(len(elements)):
                    raise
                found.append(None)
            else:
                found.extend(outputs.values())
        return dict.fromkeys(self.signature.outputs.hints, found)

    def _elements(self, inputs: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
        shared = self.shared_in(inputs)
        lists = {name: value for name, value in inputs.items() if name not in shared}
        lengths = {name: len(value) for name, value in lists.items() if isinstance(value, list)}
        wrong = next((name for name in lists if name not in lengths), None)
        if wrong is not None or len(set(lengths.values())) != 1:
            raise ArgumentError([self._no_lists(wrong, lengths)])
        rest = {name: value for name, value in inputs.items() if name in shared}
        for number in range(next(iter(lengths.values()))):
            yield {**rest, **{name: value[number] for name, value in lists.items()}}  # type: ignore[index]

    def _no_lists(self, wrong: str | None, lengths: Mapping[str, int]) -> Diagnostic:
        if wrong is not None:
            headline = f"`{self.short_name}` goes through `{wrong}`, which is no list"
        elif lengths:
            told = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
            headline = f"`{self.short_name}` goes through lists of different lengths: {told}"
        else:
            headline = f"`{self.short_name}` has no list to go through"
        return fault(
            "unequal-lists" if lengths and wrong is None else "nothing-to-map",
            headline,
            author_site().span,
            help=("give a list for each input, or bind it for all elements by `functools.partial`",),
        )


@overload
def map_task(
    target: NodeEntity[Q, None], concurrency: int | None = None, *, run_all_sub_nodes: bool = False
) -> MapTask[..., None]: ...


@overload
def map_task(
    target: NodeEntity[Q, S] | partial[S], concurrency: int | None = None, *, run_all_sub_nodes: bool = False
) -> MapTask[..., list[S]]: ...


@overload
def map_task(
    target: NodeEntity[Q, None],
    concurrency: int | None = None,
    min_successes: int | None = None,
    min_success_ratio: float = 1.0,
    *,
    run_all_sub_nodes: bool = False,
) -> MapTask[..., None]: ...


@overload
def map_task(
    target: NodeEntity[Q, S] | partial[S],
    concurrency: int | None = None,
    min_successes: int | None = None,
    min_success_ratio: float = 1.0,
    *,
    run_all_sub_nodes: bool = False,
) -> MapTask[..., list[S | None]]: ...


def map_task(
    target: NodeEntity[Q, S] | partial[S],
    concurrency: int | None = None,
    min_successes: int | None = None,
    min_success_ratio: float = 1.0,
    *,
    run_all_sub_nodes: bool = False,
) -> MapTask[..., Any]:
    """Return an entity that calls `target` for each element of the lists it is given, and gives a list.

    Args:
        target: A task, workflow, launch plan or map; `functools.partial` of one binds inputs that all elements share.
        concurrency: How many elements run at once; 0 is no limit. Without it, what the execution allows.
        min_successes: The map succeeds with so many elements; the others give None.
        min_success_ratio: The map succeeds with this part of its elements, 0 to 1; the others give None.
        run_all_sub_nodes: Run the other elements although too many have failed already.

    Raises:
        DiagnosticError: `target` is nothing that can be mapped, or the options contradict each other.
    """
    entity, shared = _mappable(target)
    made = Made.here()
    if min_successes is not None and min_success_ratio != 1.0:
        raise DiagnosticError(
            [
                fault(
                    "contradictory-options",
                    "`min_successes` and `min_success_ratio` both say when the map succeeds",
                    made.site.span,
                    help=("give one of them",),
                )
            ]
        )
    success: MinSuccesses | MinSuccessRatio | None = None
    if min_successes is not None:
        success = MinSuccesses(min_successes)
    elif min_success_ratio != 1.0:
        success = MinSuccessRatio(min_success_ratio)
    return MapTask(entity, shared, MapOptions(concurrency, success, run_all_sub_nodes), made)


def _mappable(target: object) -> tuple[AnyEntity, Mapping[str, object]]:
    shared: dict[str, object] = {}
    positional: tuple[object, ...] = ()
    while isinstance(target, partial):
        shared = {**target.keywords, **shared}
        positional = (*target.args, *positional)
        target = target.func
    if isinstance(target, NodeEntity) and not isinstance(target, Construct) and not positional:
        return target, shared
    name = getattr(target, "short_name", None) or getattr(target, "__name__", type(target).__name__)
    if positional:
        code, headline = "positional-argument", f"`{name}` is bound to values that have no name"
        instead = f"write `partial({name}, name=value)`"
    else:
        code, headline = "unmappable-node", f"`map_task` can't call `{name}`: it is no task, workflow or launch plan"
        instead = "decorate it by `@task`, or call it in a task that is mapped"
    raise DiagnosticError([fault(code, headline, author_site().span, help=(instead,))])
