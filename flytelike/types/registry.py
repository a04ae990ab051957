"""The registry: which transformer handles which annotation, and the three ways through it."""

from functools import lru_cache
from typing import Any

from flytelike.model.literals import Binary, GenericStruct, Literal
from flytelike.model.types import LiteralType
from flytelike.types import msgpack_value
from flytelike.types.annotated import bare, origin_of
from flytelike.types.choices import ChoiceTransformer
from flytelike.types.collections import ListTransformer
from flytelike.types.context import ValueContext
from flytelike.types.directory import DirectoryTransformer
from flytelike.types.document import Documents
from flytelike.types.entry_points import plugged_in
from flytelike.types.enums import EnumTransformer
from flytelike.types.error import ErrorTransformer
from flytelike.types.faults import unsupported
from flytelike.types.file import FileTransformer
from flytelike.types.hashing import HashedTransformer
from flytelike.types.iterators import IteratorTransformer
from flytelike.types.json_value import JsonLinesTransformer, JsonTransformer
from flytelike.types.mapping import DictTransformer
from flytelike.types.numpy_array import NumpyTransformer
from flytelike.types.pickled import PickleTransformer
from flytelike.types.primitives import PRIMITIVES, unwrapped
from flytelike.types.pydantic_model import PydanticTransformer
from flytelike.types.record_transformer import RecordTransformer
from flytelike.types.records.attrs_class import is_attrs_class
from flytelike.types.records.dataclass import is_dataclass
from flytelike.types.records.typed_dict import is_typed_dict
from flytelike.types.structured.transformer import DatasetTransformer
from flytelike.types.transformer import Hint, Transformer
from flytelike.types.unions import UnionTransformer


class Registry:
    """Transformers in the order in which they are asked; the newest registered come first."""

    def __init__(self) -> None:
        documents = Documents(self)
        self._documents = documents
        self._own: list[Transformer] = []
        # These read documents as they are; the others' values are read by the annotation alone.
        self._readers: tuple[Transformer, ...] = (
            HashedTransformer(self),
            JsonTransformer(),
            PydanticTransformer(self, documents),
        )
        self._builtin: tuple[Transformer, ...] = (
            *self._readers,
            ErrorTransformer(),
            PickleTransformer(),
            *PRIMITIVES,
            ListTransformer(self),
            DictTransformer(self, documents),
            UnionTransformer(self),
            EnumTransformer(),
            ChoiceTransformer(self),
            FileTransformer(),
            DirectoryTransformer(),
            DatasetTransformer(self),
            RecordTransformer("Object-Dataclass-Transformer", is_dataclass, self, documents),
            RecordTransformer("TypedDict", is_typed_dict, self, documents),
            RecordTransformer("Attrs", is_attrs_class, self, documents),
            JsonLinesTransformer(),
            IteratorTransformer(self),
            NumpyTransformer(),
        )
        self._find = lru_cache(maxsize=4096)(self._search)
        self._type = lru_cache(maxsize=4096)(self._typed)

    def register(self, transformer: Transformer) -> None:
        """Add a transformer; it is asked before those there are."""
        self._own.insert(0, transformer)
        self._find.cache_clear()
        self._type.cache_clear()

    def resolved(self, hint: Hint) -> tuple[Transformer, Hint]:
        """Return the transformer for an annotation, and the annotation as that one wants it.

        Raises:
            TypeFault: nobody handles it.
        """
        try:
            return self._find(hint, order_of(hint))
        except TypeError:  # it cannot be hashed
            return self._search(hint)

    def find(self, hint: Hint) -> Transformer:
        """Return the transformer for an annotation; raises TypeFault when there is none."""
        return self.resolved(hint)[0]

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the literal type of an annotation."""
        try:
            return self._type(hint, order_of(hint))
        except TypeError:  # it cannot be hashed, such as Annotated[DataFrame, {...}]
            return self._typed(hint)

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the literal of a value under an annotation."""
        transformer, hint = self.resolved(hint)
        return transformer.to_literal(value, hint, ctx)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return the value of a literal under an annotation.

        Where an attribute of a dataclass was bound, an engine gives its part of the document,
        whatever the attribute's type; every built-in type can be read from one.
        """
        transformer, hint = self.resolved(hint)
        document = literal.value if isinstance(transformer, UnionTransformer) else unwrapped(literal).value
        by_itself = transformer in self._readers or transformer in self._own
        if isinstance(document, Binary | GenericStruct) and not by_itself:
            return self._documents.value(msgpack_value.unpacked(document), hint, ctx)
        return transformer.to_python(literal, hint, ctx)

    def _typed(self, hint: Hint, _order: str = "") -> LiteralType:
        transformer, hint = self.resolved(hint)
        return transformer.literal_type(hint)

    def _search(self, hint: Hint, _order: str = "") -> tuple[Transformer, Hint]:
        """Return the transformer and the annotation as it wants it: most want none of what `Annotated` adds."""
        for wanted in (hint, bare(hint)):
            for transformer in (*self._own, *self._builtin):
                if transformer.handles(wanted):
                    return transformer, wanted
        for transformer in plugged_in(bare(hint)):
            if transformer not in self._own:
                self._own.append(transformer)
            if transformer.handles(bare(hint)):
                return transformer, bare(hint)
        raise no_transformer(bare(hint))


def order_of(hint: Hint) -> str:
    """Return what tells apart annotations that Python takes for equal: `int | str` and `str | int`."""
    return "" if isinstance(hint, type) else str(hint)


def no_transformer(hint: Hint) -> Exception:
    """Return the error for an annotation nobody handles, with advice for common cases."""
    if hint is tuple or origin_of(hint) is tuple:
        return unsupported(hint, "a tuple is only possible as the whole output", "use a list or a dataclass")
    if hint is Any or hint is object:
        return unsupported(hint, "it says nothing about the value", "name the type, or `JSON` for any JSON value")
    if hint is bytes:
        return unsupported(hint, "raw bytes have no literal", "write them to a file and use FlyteFile")
    if hint is set or origin_of(hint) in {set, frozenset}:
        return unsupported(hint, "sets have no order to keep", "use a list")
    return unsupported(
        hint,
        "no transformer handles it",
        "use a dataclass, register one with `flytelike.types.register`, or have it pickled: `FlytePickle[...]`",
    )


_default = Registry()


def register(transformer: Transformer) -> None:
    """Add a transformer of one's own; it is asked before those there are."""
    _default.register(transformer)


def find(hint: Hint) -> Transformer:
    """Return the transformer for an annotation; raises TypeFault when there is none."""
    return _default.find(hint)


def literal_type_of(hint: Hint) -> LiteralType:
    """Return the literal type of an annotation; raises TypeFault when it has none."""
    return _default.literal_type(hint)


def to_literal(value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
    """Return the literal of a value under an annotation; raises TypeFault when it does not fit."""
    return _default.to_literal(value, hint, ctx)


def to_python(literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
    """Return the value of a literal under an annotation; raises TypeFault when it does not fit."""
    return _default.to_python(literal, hint, ctx)
