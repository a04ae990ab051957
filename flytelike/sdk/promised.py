"""Where promised values come from, and how that is told."""

import typing
from typing import TYPE_CHECKING

from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.sdk.faults import fault, label
from flytelike.sdk.frames import author_site
from flytelike.sdk.signature import Hint, Shape

if TYPE_CHECKING:
    from flytelike.sdk.trace import Trace, TracedNode


class Source:
    """Where a promise's value comes from. `node` is None for an input of the workflow."""

    __slots__ = ("node", "path", "trace", "var")

    def __init__(self, trace: "Trace", node: "TracedNode | None", var: str, path: tuple[str | int, ...] = ()) -> None:
        """Keep the parts; `path` leads into the value."""
        self.trace: Trace = trace
        self.node: TracedNode | None = node
        self.var: str = var
        self.path: tuple[str | int, ...] = path

    @override
    def __str__(self) -> str:
        """Return it as the author would write it."""
        name = f"{self.node.id}.{self.var}" if self.node else self.var
        return name + "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in self.path)


def written(source: Source) -> str:
    """Return what a promise stands for as the author could write it, such as `train(...).error`."""
    if source.node is None:
        name = source.var
    else:
        outputs = source.node.entity.signature.outputs
        name = f"{source.node.entity.short_name}(...)"
        if outputs.shape is Shape.NAMED:
            name += f".{source.var}"
        elif outputs.shape is Shape.TUPLE:
            name += f"[{list(outputs.hints).index(source.var)}]"
    return name + "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in source.path)


def no_value_yet(what: str, source: Source, instead: str) -> Diagnostic:
    """Return the error for a use that needs a value; `what` tells the use, `instead` what to do."""
    origin = source.node.span if source.node else source.trace.input_span(source.var)
    return fault(
        "promise-used-as-value",
        f"{what}: it has no value yet",
        author_site().span,
        "only a promise of the value is here while the workflow is put together",
        help=(instead,),
        related=(label(origin, "it comes from here"),),
    )


def refused(what: str, source: Source, instead: str) -> DiagnosticError:
    """Return the exception for a use that needs a value."""
    return DiagnosticError([no_value_yet(what, source, instead)])


def hint_of(source: Source) -> Hint:
    """Return the annotation of a value to come; `object` where it is not known."""
    from flytelike.types.annotated import bare  # noqa: PLC0415 - what importing the SDK needn't pay

    if source.node is None:
        hint = source.trace.hints.get(source.var, object)
    else:
        hint = source.node.entity.signature.outputs.hints.get(source.var, object)
    for step in source.path:
        hint = _into(bare(hint), step)
    return hint


def _into(hint: Hint, step: str | int) -> Hint:
    from flytelike.types.annotated import origin_of  # noqa: PLC0415 - as above

    origin = origin_of(hint)
    if origin in {list, dict}:
        return typing.get_args(hint)[-1]
    fields = typing.get_type_hints(hint, include_extras=True) if isinstance(hint, type) else {}
    return fields.get(step, object) if isinstance(step, str) else object
