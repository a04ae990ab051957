"""`JSON`: any value that JSON has, and `Iterator[JSON]`: a file with one on each line."""

import json
import math
import typing
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from flytelike.model.literals import Binary, Collection, GenericStruct, Literal, Map, Primitive, Void
from flytelike.model.types import BlobType, LiteralType, SimpleKind, SimpleType, json_text
from flytelike.types import msgpack_value
from flytelike.types.annotated import origin_of
from flytelike.types.blobs import fetched_blob, stored_blob
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable, within
from flytelike.types.mapping import MSGPACK_ANNOTATION
from flytelike.types.primitives import unwrapped
from flytelike.types.transformer import Hint


class JsonValue:
    """Marks an annotation whose values are JSON."""

    shown_as = "JSON"


JSON: TypeAlias = Annotated[dict[str, Any] | list[Any] | str | int | float | bool | None, JsonValue()]
"""An object, list, text, number, truth value or None, with nothing else inside."""

LINES = BlobType("jsonl")
DEPTH_MAX = 200
"""How deep lists and objects may be inside of each other; documents are read by recursion."""


class JsonTransformer:
    """JSON to a document."""

    name = "JSON"

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is JSON."""
        return origin_of(hint) is typing.Annotated and any(isinstance(x, JsonValue) for x in hint.__metadata__)

    def literal_type(self, hint: Hint) -> LiteralType:  # noqa: ARG002 - always the same
        """Return STRUCT, of which nothing more is said."""
        return LiteralType(SimpleType(SimpleKind.STRUCT), annotation=MSGPACK_ANNOTATION)

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401, ARG002
        """Return the document; raises TypeFault, with its path, for what JSON has not."""
        check_json(value)
        return Literal(Binary(msgpack_value.packed(value, "JSON"), "msgpack"))

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401, ARG002
        """Return the value; literals of simple types, lists and maps are read too."""
        return plain(unwrapped(literal))


class JsonLinesTransformer:
    """Iterators of JSON to a file that is written and read line by line."""

    name = "JSON Iterator"

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is an iterator of JSON."""
        arguments = typing.get_args(hint)
        return origin_of(hint) in ITERATORS and bool(arguments) and JsonTransformer().handles(arguments[0])

    def literal_type(self, hint: Hint) -> LiteralType:  # noqa: ARG002 - always the same
        """Return the blob type."""
        return LiteralType(LINES, metadata=json_text({"format": "json iterator"}))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Store the lines as they come."""
        if not isinstance(value, Iterable):
            raise mismatch(hint, value)

        def write(path: Path) -> None:
            with path.open("w", encoding="utf-8") as file:
                for number, item in enumerate(value):
                    check_json(item, f"[{number}]")
                    file.write(json.dumps(item, ensure_ascii=False) + "\n")

        return stored_blob(LINES, "lines.jsonl", ctx, write)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Iterator[Any]:
        """Return the values, read line by line as they are asked for."""
        return lines_of(fetched_blob(literal, hint, ctx), hint)


ITERATORS = frozenset({Generator, Iterable, Iterator})
"""Origins of the annotations that mean one value after the other."""


def lines_of(path: Path, hint: Hint) -> Iterator[Any]:
    """Yield the values of a file's lines; the file is removed behind the last."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise undecodable(hint, f"a file whose line {number} is no JSON: {error}") from None
    path.unlink(missing_ok=True)


def check_json(value: Any, path: str = "", depth: int = 0) -> None:  # noqa: ANN401 - any value
    """Raise TypeFault, naming the place, for what JSON has not."""
    match value:
        case None | bool() | str():
            return
        case int() if -(2**63) <= value < 2**64:
            return
        case float() if math.isfinite(value):
            return
        case dict() | list() if depth == DEPTH_MAX:
            raise misplaced(path, value, f"it is more than {DEPTH_MAX} levels deep")
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise misplaced(path, value, f"the key {key!r} is no text")
                check_json(item, f"{path}[{key!r}]", depth + 1)
        case list():
            for number, item in enumerate(value):
                check_json(item, f"{path}[{number}]", depth + 1)
        case _:
            raise misplaced(path, value, "")


def misplaced(path: str, value: object, reason: str) -> Exception:
    """Return the fault of a value at a path."""
    fault = mismatch("JSON", value, reason)
    return within(path, fault) if path else fault


def plain(literal: Literal) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON that a literal holds."""
    match literal.value:
        case Binary() | GenericStruct() as document:
            return msgpack_value.unpacked(document)
        case Primitive(bool() | int() | float() | str() as simple):
            return simple
        case Void():
            return None
        case Collection(items):
            return [plain(unwrapped(item)) for item in items]
        case Map(items):
            return {key: plain(unwrapped(item)) for key, item in items.items()}
        case other:
            raise undecodable("JSON", type(other).__name__)
