"""An array's inputs and outputs on the wire: what one element is given, and lists of what elements gave.

Works on messages as they lie in the object store: values only pass through.
"""

from collections.abc import Collection, Mapping, Sequence

from flytelike_idl.core import literals_pb2 as pb

_ITEM = b"\x0a"
"""The tag of a literal in a collection: field 1, with a length."""

_COLLECTION = b"\x12"
"""The tag of a collection in a literal: field 2, with a length."""


def mapped_inputs(inputs: pb.LiteralMap, shared: Collection[str]) -> dict[str, int]:
    """Return the inputs that an array goes through, with the lengths of their lists.

    Lists among the inputs that are not `shared` are gone through; what is no list all elements share too, as in Flyte.
    """
    return {name: len(found.literals) for name, found in mapped_lists(inputs, shared).items()}


def mapped_lists(inputs: pb.LiteralMap, shared: Collection[str]) -> dict[str, pb.LiteralCollection]:
    """Return the lists that an array goes through, by name; see `mapped_inputs`."""
    lists = {name: _list_in(literal) for name, literal in inputs.literals.items() if name not in shared}
    return {name: found for name, found in sorted(lists.items()) if found is not None}


def element_inputs(inputs: pb.LiteralMap, shared: Collection[str], index: int) -> pb.LiteralMap:
    """Return what the element at `index` is given. Raises `IndexError` when there is no such element."""
    given = pb.LiteralMap()
    for name, literal in inputs.literals.items():
        found = None if name in shared else _list_in(literal)
        given.literals[name].CopyFrom(literal if found is None else found.literals[index])
    return given


def _list_in(literal: pb.Literal) -> pb.LiteralCollection | None:
    match literal.WhichOneof("value"):
        case "collection":
            return literal.collection
        case "scalar" if literal.scalar.WhichOneof("value") == "union":
            return _list_in(literal.scalar.union.value)
        case _:
            return None


class ListsOfOutputs:
    """Lists of the outputs of an array's elements, put together from what each gave.

    A literal is kept as its bytes: some hundred thousand messages would need ten times the room.
    """

    def __init__(self, names: Sequence[str], length: int, nothing: Mapping[str, pb.Literal]) -> None:
        """Begin with `nothing` in every place, which stands for elements that failed."""
        self.bytes = 0
        self._sizes = dict.fromkeys(names, 0)
        self._nothing = {name: nothing[name].SerializeToString(deterministic=True) for name in names}
        self._lists: dict[str, list[bytes | None]] = {name: [None] * length for name in names}

    def put(self, index: int, outputs: pb.LiteralMap) -> list[str]:
        """Put an element's outputs in; return the names of those that are missing."""
        given = outputs.literals
        missing = []
        for name, items in self._lists.items():
            if name in given:
                item = given[name].SerializeToString(deterministic=True)
                items[index] = item
                self.bytes += len(item) + 5
                self._sizes[name] += len(item) + 5
            else:
                missing.append(name)
        return missing

    def larger_than(self, size_bytes: int) -> list[str]:
        """Return the names of the lists that are larger, about."""
        return [name for name, size in self._sizes.items() if size > size_bytes]

    def take(self, name: str) -> bytes:
        """Return a list as the bytes of its `Literal`; it is no part of the document any more."""
        parts = self._parts(name)
        size = sum(map(len, parts))
        del self._lists[name], self._sizes[name]
        return b"".join((_COLLECTION, _length(size), *parts))

    def document(self) -> bytes:
        """Return the `LiteralMap` of the lists, as its bytes."""
        outputs = pb.LiteralMap()
        for name in self._lists:
            outputs.literals[name].collection.MergeFromString(b"".join(self._parts(name)))
        return outputs.SerializeToString(deterministic=True)

    def _parts(self, name: str) -> list[bytes]:
        nothing = self._nothing[name]
        return [
            part
            for item in self._lists[name]
            for part in ((_ITEM, _length(len(nothing)), nothing) if item is None else (_ITEM, _length(len(item)), item))
        ]


def _length(left: int) -> bytes:
    """Return the length of a field as protobuf writes it: seven bits a byte, the low ones first."""
    if left < 0x80:
        return left.to_bytes()
    out = bytearray()
    while left >= 0x80:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)
