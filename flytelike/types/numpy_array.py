"""numpy's arrays, as `.npy` files."""

import typing
from pathlib import Path
from typing import Any

from flytelike.model.literals import Literal
from flytelike.model.types import BlobType, LiteralType
from flytelike.types.annotated import origin_of
from flytelike.types.blobs import read_blob, stored_blob
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable
from flytelike.types.transformer import Hint

KIND = BlobType("NumpyArray")


class NumpyTransformer:
    """`np.ndarray` and `NDArray[np.float64]`; arrays of Python objects are refused, as they would be pickled."""

    name = "Numpy Array"

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is an array, told by name so that numpy is not imported."""
        cls = origin_of(hint) or hint
        return isinstance(cls, type) and (cls.__module__.partition(".")[0], cls.__name__) == ("numpy", "ndarray")

    def literal_type(self, hint: Hint) -> LiteralType:  # noqa: ARG002 - always the same
        """Return the blob type."""
        return LiteralType(KIND)

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Store the array."""
        import numpy as np  # noqa: PLC0415 - heavy

        if not isinstance(value, np.ndarray):
            raise mismatch(hint, value)
        if value.dtype.hasobject:
            raise mismatch(hint, value, "an array of Python objects has no format of its own")
        self._check_dtype(value, hint, wrong=mismatch)

        def write(path: Path) -> None:
            np.save(path, value, allow_pickle=False)

        return stored_blob(KIND, "ndarray.npy", ctx, write)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - an array
        """Return the array."""
        import numpy as np  # noqa: PLC0415 - heavy

        try:
            value = read_blob(literal, hint, ctx, lambda path: np.load(path, allow_pickle=False))
        except ValueError as error:
            raise undecodable(hint, f"a file that is no array: {error}") from None
        self._check_dtype(value, hint, wrong=mismatch)
        return value

    def _check_dtype(self, value: Any, hint: Hint, wrong: Any) -> None:  # noqa: ANN401 - an array
        """Hold an array to the element type that `NDArray[...]` states."""
        import numpy as np  # noqa: PLC0415 - heavy

        arguments = typing.get_args(hint)
        stated = typing.get_args(arguments[1]) if len(arguments) == 2 else ()
        if stated and isinstance(stated[0], type) and not np.issubdtype(value.dtype, stated[0]):
            raise wrong(hint, value, f"its elements are {value.dtype}")
