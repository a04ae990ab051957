"""`FlytePickle[T]`: values of any class, pickled because their author asks for it."""

import typing
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from flytelike.model.literals import Literal
from flytelike.model.types import BlobType, LiteralType, json_text
from flytelike.types.annotated import bare, origin_of
from flytelike.types.blobs import read_blob, stored_blob
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, shown, undecodable
from flytelike.types.transformer import Hint

T = TypeVar("T")
KIND = BlobType("PythonPickle")
"""The stock SDK's format, so that tasks of both read each other's."""


class Pickled:
    """Marks an annotation whose values are pickled."""


FlytePickle: TypeAlias = Annotated[T, Pickled()]
"""A value of class `T`, pickled: to a type checker it is `T`.

A pickle is read only by a task of the same code and packages, and no digest tells that two of them are equal.
"""


class PickleTransformer:
    """Marked annotations to a file; it is read in the task's own process only."""

    name = "FlytePickle"

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is marked."""
        return origin_of(hint) is typing.Annotated and any(isinstance(x, Pickled) for x in hint.__metadata__)

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the blob type with the class's name."""
        return LiteralType(KIND, metadata=json_text({"python_class_name": shown(bare(hint))}))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Store the pickle; raises TypeFault for what cannot be pickled."""
        import cloudpickle  # noqa: PLC0415 - seldom used

        try:
            content = cloudpickle.dumps(value)
        except Exception as error:  # noqa: BLE001 - classes raise what they like
            raise mismatch(bare(hint), value, f"it cannot be pickled: {error}") from None

        def write(path: Path) -> None:
            path.write_bytes(content)

        return stored_blob(KIND, "value.pickle", ctx, write)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return the value; raises TypeFault when the pickle cannot be read here."""
        import pickle  # noqa: PLC0415 - asked for by the author, read in the task's process

        try:
            return read_blob(literal, hint, ctx, lambda path: pickle.loads(path.read_bytes()))  # noqa: S301
        except (pickle.UnpicklingError, AttributeError, ImportError, EOFError, IndexError, TypeError) as error:
            raise undecodable(bare(hint), f"a pickle that cannot be read here: {error}") from None
