"""Transformers that installed packages bring: the entry points `flytelike.types`.

An entry point is named after the top-level module of the classes it handles (`torch`), and is loaded when an
annotation names one of them, or a class that inherits from one. It is a transformer, or a list or tuple of some.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Protocol

from flytelike.types.annotated import origin_of
from flytelike.types.faults import unsupported
from flytelike.types.transformer import Hint, Transformer

GROUP = "flytelike.types"


class Loadable(Protocol):
    """What is asked of an entry point."""

    def load(self) -> Any:  # noqa: ANN401 - what its package says
        """Import what it names."""


def plugged_in(hint: Hint) -> Iterator[Transformer]:
    """Yield the transformers that packages bring for an annotation's class.

    Raises:
        TypeFault: a package's entry point cannot be loaded.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415 - 13 ms that few need

    bases = getattr(origin_of(hint) or hint, "__mro__", ())
    tops = {base.__module__.partition(".")[0] for base in bases}
    for point in entry_points(group=GROUP):
        if point.name not in tops:
            continue
        try:
            yield from loaded(point)
        except Exception as error:  # noqa: BLE001 - another package's code may raise anything
            cause = f"{type(error).__name__}: {error}"
            reason = f"the plugin {point.value} cannot be loaded: {cause}"
            raise unsupported(hint, reason, "repair or remove the package that brings it") from None


@cache
def loaded(point: Loadable) -> tuple[Transformer, ...]:
    """Return an entry point's transformers, the same ones each time."""
    found = point.load()
    return tuple(found) if isinstance(found, list | tuple) else (found,)
