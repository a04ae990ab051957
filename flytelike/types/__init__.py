"""Python types to literal types, and values to literals: a registry, and one transformer a file.

Encodings equal those of the stock Flyte SDK, so that tasks of both can pass values to each
other. Frame libraries are imported only when a value or an annotation needs them. The
package must not know what a task or workflow is.

The names here are for authors of transformers: write a `Transformer` for a type of one's
own and `register` it. `TypeFault` tells that an annotation or a value does not fit.
"""

import importlib
from typing import TYPE_CHECKING

from flytelike.types.context import ValueContext

if TYPE_CHECKING:
    from flytelike.types.faults import TypeFault, mismatch, unsupported
    from flytelike.types.registry import register
    from flytelike.types.transformer import Transformer

_PLACES = {
    "Transformer": "flytelike.types.transformer",
    "TypeFault": "flytelike.types.faults",
    "mismatch": "flytelike.types.faults",
    "register": "flytelike.types.registry",
    "unsupported": "flytelike.types.faults",
}

__all__ = ["Transformer", "TypeFault", "ValueContext", "mismatch", "register", "unsupported"]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: the registry knows every transformer."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module `flytelike.types` has no attribute `{name}`")
    value: object = getattr(importlib.import_module(place), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
