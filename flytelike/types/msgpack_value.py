"""Documents inside of literals: msgpack, and the JSON of older SDKs."""

import json
from typing import Any

from flytelike.model.literals import Binary, GenericStruct
from flytelike.types.faults import mismatch, undecodable


def packed(value: Any, expected: object) -> bytes:  # noqa: ANN401 - any document
    """Return the msgpack bytes of plain data; raises TypeFault for what msgpack does not know."""
    import msgpack  # noqa: PLC0415 - 5 ms that tasks without documents need not pay

    try:
        return bytes(msgpack.packb(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise mismatch(expected, value, str(error)) from None


def unpacked(document: Binary | GenericStruct) -> Any:  # noqa: ANN401 - any document
    """Return the plain data of a document."""
    if isinstance(document, GenericStruct):
        return json.loads(document.json or "{}")
    if document.tag not in {"", "msgpack"}:
        raise undecodable("msgpack", f"bytes tagged {document.tag!r}")
    import msgpack  # noqa: PLC0415 - see `packed`

    try:
        return msgpack.unpackb(document.value, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise undecodable("msgpack", f"bytes that are none: {error}") from None
