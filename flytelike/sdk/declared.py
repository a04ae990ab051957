"""Interfaces without a function: inputs and outputs by name, declared where an object is made."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType

from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.span import SourceSpan
from flytelike.sdk.frames import author_frame, is_ours
from flytelike.sdk.results import outputs_class
from flytelike.sdk.signature import Hint, Input, Outputs, Shape, Signature
from flytelike.sdk.source import CallSite, call_site


@dataclass(frozen=True, slots=True)
class Declaration:
    """Where an object was made: the module, and the expression."""

    module: str
    site: CallSite

    @staticmethod
    def of(made: object) -> "Declaration":
        """Return where `made` is being made: the nearest frame that is neither the SDK's nor one of its own methods."""
        frame: FrameType = author_frame()
        while frame.f_back is not None and (
            frame.f_locals.get("self") is made or is_ours(frame.f_globals.get("__name__", ""))
        ):
            frame = frame.f_back
        return Declaration(frame.f_globals.get("__name__", ""), call_site(frame))

    def span(self, argument: str = "") -> SourceSpan:
        """Return where the object, or an argument given to it, stands."""
        return self.site.argument_spans().get(argument, self.site.span) if argument else self.site.span


@dataclass(frozen=True, slots=True)
class DeclaredSignature(Signature):
    """What an object takes and gives that has no function of the author's."""

    at: SourceSpan = field(default_factory=lambda: SourceSpan(""))

    @override
    def input_span(self, name: str) -> SourceSpan:
        return self.at

    @override
    def output_span(self) -> SourceSpan:
        return self.at

    @override
    def returned_span(self) -> SourceSpan:
        return self.at

    @property
    @override
    def span(self) -> SourceSpan:
        return self.at


def declared_signature(
    inputs: Mapping[str, Hint],
    outputs: Mapping[str, Hint],
    code: CodeType,
    at: SourceSpan,
    faults: tuple[Diagnostic, ...] = (),
) -> DeclaredSignature:
    """Return the signature of an object with these inputs and outputs.

    One output is handed back as it is, several as a named tuple.
    """
    return DeclaredSignature(
        {name: Input(hint) for name, hint in inputs.items()}, declared_outputs(outputs), code, faults, at
    )


def declared_outputs(hints: Mapping[str, Hint]) -> Outputs:
    """Return outputs by name with the shape in which they are handed back."""
    match len(hints):
        case 0:
            return Outputs()
        case 1:
            return Outputs(dict(hints), Shape.SINGLE)
        case _:
            return Outputs(dict(hints), Shape.NAMED, outputs_class(tuple(hints)))


def stand_in(name: str, module: str, inputs: Mapping[str, Hint], call: Callable[..., object]) -> Callable[..., object]:
    """Return a function of a name and module that takes the inputs by name and does what `call` does."""

    def declared(*args: object, **inputs: object) -> object:
        return call(*args, **inputs)

    declared.__name__ = declared.__qualname__ = name
    declared.__module__ = module
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(given, keyword) for given in inputs]
    declared.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what `inspect` looks for
    return declared
