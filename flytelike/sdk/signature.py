"""What an author's function takes and gives: names, annotations, defaults, and the faults in them."""

import inspect
import typing
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import CodeType, FunctionType
from typing import Final, TypeAlias

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.span import SourceSpan
from flytelike.sdk.faults import fault
from flytelike.sdk.source import definition_span, extent_of, parameter_span, return_span, returns

Hint: TypeAlias = object
"""A Python annotation, evaluated."""


class NoDefault(Enum):
    """Stands for the default of an input that has none."""

    NO_DEFAULT = "no default"


NO_DEFAULT: Final = NoDefault.NO_DEFAULT


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter. `default` is `NO_DEFAULT` for a required one."""

    hint: Hint
    default: object = NO_DEFAULT

    @property
    def required(self) -> bool:
        """Whether a caller must give it."""
        return self.default is NO_DEFAULT


class Shape(Enum):
    """How a function hands back its outputs."""

    NOTHING = "nothing"
    SINGLE = "single"
    TUPLE = "tuple"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Outputs:
    """Outputs by name, and how the function hands them back. `named` is the NamedTuple's class."""

    hints: Mapping[str, Hint] = field(default_factory=dict)
    shape: Shape = Shape.NOTHING
    named: Callable[..., tuple[object, ...]] | None = None

    def described(self, name: str, function: str) -> str:
        """Return what people call an output of a function: Flyte's `o0` is no word of theirs."""
        match self.shape:
            case Shape.TUPLE:
                return f"output {list(self.hints).index(name) + 1} of `{function}`"
            case Shape.NAMED:
                return f"`{name}` of `{function}`"
            case _:
                return f"the result of `{function}`"

    @property
    def are_yielded(self) -> bool:
        """Whether a function that yields can give them: the one output is an iterator."""
        return self.shape is Shape.SINGLE and any(
            (typing.get_origin(hint) or hint) in YIELDED for hint in self.hints.values()
        )


YIELDED = frozenset({Generator, Iterable, Iterator})
"""Origins of annotations of functions that yield."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's inputs and outputs in the author's order, with all faults of its signature."""

    inputs: Mapping[str, Input]
    outputs: Outputs
    code: CodeType
    faults: tuple[Diagnostic, ...] = ()

    def input_span(self, name: str) -> SourceSpan:
        """Where an input is declared."""
        return parameter_span(self.code, name)

    def output_span(self) -> SourceSpan:
        """Where the outputs are declared."""
        return return_span(self.code)

    def returned_span(self) -> SourceSpan:
        """Where the outputs are returned: the last `return`; where they are declared if there is none."""
        file, statements = returns(self.code)
        return file.span(extent_of(statements[-1])) if statements else self.output_span()

    @property
    def span(self) -> SourceSpan:
        """Where the function is declared."""
        return definition_span(self.code)


def signature_of(function: Callable[..., object], kind: str) -> Signature:
    """Read a function's signature.

    Args:
        function: The author's function; decorators that set `__wrapped__` are looked through.
        kind: What it is to be, for messages: `task` or `workflow`.
    """
    plain = plain_function(function)
    reader = _Reader(plain, kind)
    inputs = reader.inputs(inspect.signature(function))
    outputs = reader.outputs()
    reader.check_kind_of_function(outputs)
    return Signature(inputs, outputs, plain.__code__, tuple(reader.faults))


def plain_function(function: Callable[..., object]) -> FunctionType:
    """Return the author's own `def` behind decorators; raises TypeError if there is none."""
    plain = inspect.unwrap(function)
    if not isinstance(plain, FunctionType):
        raise TypeError(f"only functions defined with `def` can be decorated, not {function!r}")
    return plain


def outputs_of(hint: Hint) -> Outputs | str:
    """Return the outputs a return annotation declares, or why it can't declare any.

    A NamedTuple names its fields; a tuple gives `o0`, `o1`, ...; anything else is one output
    `o0` (Flyte's names).
    """
    if hint is None or hint is type(None):
        return Outputs()
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return Outputs(typing.get_type_hints(hint, include_extras=True), Shape.NAMED, hint)
    if isinstance(hint, tuple):
        return _tuple_outputs(hint)
    if hint is tuple or typing.get_origin(hint) is tuple:
        return _tuple_outputs(typing.get_args(hint))
    return Outputs({"o0": hint}, Shape.SINGLE)


def _tuple_outputs(items: tuple[Hint, ...]) -> Outputs | str:
    if not items:
        return "a tuple must say what it holds"
    if Ellipsis in items:
        return "a tuple of any length has no fixed outputs"
    return Outputs({f"o{index}": item for index, item in enumerate(items)}, Shape.TUPLE)


_MISSING: Final = object()


class _Reader:
    """Reads one function and collects what is wrong with it."""

    def __init__(self, function: FunctionType, kind: str) -> None:
        self._function = function
        self._code = function.__code__
        self._kind = kind
        self.faults: list[Diagnostic] = []

    def inputs(self, signature: inspect.Signature) -> dict[str, Input]:
        found = {}
        for parameter in signature.parameters.values():
            if not self._is_plain(parameter):
                continue
            hint = self._hint(parameter.name, parameter_span)
            if hint is _MISSING:
                continue
            default = NO_DEFAULT if parameter.default is parameter.empty else parameter.default
            found[parameter.name] = Input(hint, default)
        return found

    def _is_plain(self, parameter: inspect.Parameter) -> bool:
        span = parameter_span(self._code, parameter.name)
        match parameter.kind:
            case parameter.VAR_POSITIONAL | parameter.VAR_KEYWORD:
                stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
                self._add(
                    "variadic-parameter",
                    f"`{stars}{parameter.name}` has no fixed name and type",
                    span,
                    f"a {self._kind} needs named inputs",
                    "name each input, or take one list or dict",
                )
                return False
            case parameter.POSITIONAL_ONLY:
                self._add(
                    "positional-only-parameter",
                    f"`{parameter.name}` can't be given by name",
                    span,
                    "inputs are always given by name",
                    "remove the `/` from the parameter list",
                )
                return False
            case _:
                return True

    def outputs(self) -> Outputs:
        if "return" not in self._function.__annotations__:
            self._check_returns_nothing()
            return Outputs()
        hint = self._hint("return", lambda code, _: return_span(code))
        if hint is _MISSING:
            return Outputs()
        outputs = outputs_of(hint)
        if isinstance(outputs, Outputs):
            return outputs
        self._add(
            "unsupported-return-annotation",
            f"`{self._function.__name__}` declares outputs without fixed types",
            return_span(self._code),
            outputs,
            "write `tuple[int, str]`, a NamedTuple, or `list[int]` for one output of any length",
        )
        return Outputs()

    def check_kind_of_function(self, outputs: Outputs) -> None:
        asynchronous = inspect.iscoroutinefunction(self._function)
        if self._kind == "eager task" and not asynchronous:
            code, what = "async-function", "no `async def`"
            instead = "write `async def`, and `await` the calls; or use `@dynamic`, which awaits nothing"
        elif asynchronous and self._kind in {"task", "eager task"}:
            return
        elif asynchronous:
            code, what = "async-function", "an `async def`"
            instead = "write a plain `def`; to await calls one by one, use `@eager`"
        elif inspect.isasyncgenfunction(self._function) or (
            inspect.isgeneratorfunction(self._function) and not (self._kind == "task" and outputs.are_yielded)
        ):
            code, what = "generator-function", "a generator"
            instead = "declare `Iterator[...]` for a task that yields its values, or return a list"
        else:
            return
        name = self._function.__name__
        article = "an" if self._kind.startswith("e") else "a"
        headline = f"`{name}` is {what}, which can't be {article} {self._kind}"
        self._add(code, headline, definition_span(self._code), "", instead)

    def _check_returns_nothing(self) -> None:
        file, statements = returns(self._code)
        if not statements:
            return
        self._add(
            "missing-return-annotation",
            f"`{self._function.__name__}` returns a value but doesn't say of which type",
            file.span(extent_of(statements[0])),
            "this value would be lost",
            "add `-> <type>` to the function",
        )

    def _hint(self, name: str, span: Callable[[CodeType, str], SourceSpan]) -> Hint:
        annotation = self._function.__annotations__.get(name, _MISSING)
        if annotation is _MISSING:
            self._add(
                "missing-annotation",
                f"`{name}` has no type annotation",
                span(self._code, name),
                "the type is part of the interface",
                f"write `{name}: <type>`",
            )
            return _MISSING
        try:
            return _evaluate(annotation, self._function.__globals__)
        except (NameError, AttributeError, SyntaxError, TypeError) as error:
            whose = (
                f"the return annotation of `{self._function.__name__}`"
                if name == "return"
                else f"the annotation of `{name}`"
            )
            self._add(
                "unresolvable-annotation",
                f"{whose} can't be evaluated",
                span(self._code, name),
                f"{type(error).__name__}: {error}",
                "define or import the name at the module's top level",
            )
            return _MISSING

    def _add(self, code: str, headline: str, span: SourceSpan, text: str, instead: str) -> None:
        self.faults.append(fault(code, headline, span, text, help=(instead,)))


def _evaluate(annotation: object, names: dict[str, object]) -> Hint:
    """Evaluate one annotation, so that a broken one doesn't hide the others."""

    def holder() -> None: ...

    if isinstance(annotation, tuple):
        return tuple(_evaluate(item, names) for item in annotation)
    holder.__annotations__ = {"it": annotation}
    return typing.get_type_hints(holder, globalns=names, include_extras=True)["it"]
