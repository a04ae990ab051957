"""Canonical JSON text to `google.protobuf.Struct` and back."""

import json

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from flytelike.codec.faults import MalformedError, descend
from flytelike.model.types import Json, JsonText, json_text


def struct_to_proto(text: JsonText) -> Struct:
    """Return a JSON object as a message; the empty text gives an empty object."""
    out = Struct()
    fill_struct(text, out)
    return out


def struct_from_proto(message: Struct) -> JsonText:
    """Return a message as canonical JSON text. Whole numbers become integers."""
    return json_text(_object(message, 0))


def fill_struct(text: JsonText, out: Struct) -> None:
    """Write a JSON object into `out`, which is set even when the object is empty."""
    out.SetInParent()
    if not text:
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise MalformedError("a JSON object is required")
    _fill_object(value, out, 0)


def _fill_object(value: dict[str, Json], out: Struct, depth: int) -> None:
    depth = descend(depth)
    for key, item in value.items():
        _fill_value(item, out.fields[key], depth)


def _fill_value(value: Json, out: Value, depth: int) -> None:
    match value:
        case None:
            out.null_value = 0  # type: ignore[assignment]  # the stub wants the enum's own type
        case bool():
            out.bool_value = value
        case str():
            out.string_value = value
        case int() | float():
            try:
                out.number_value = value
            except OverflowError as error:
                raise MalformedError(f"number too large for JSON on the wire: {value}") from error
        case list():
            depth = descend(depth)
            out.list_value.SetInParent()
            for item in value:
                _fill_value(item, out.list_value.values.add(), depth)
        case dict():
            out.struct_value.SetInParent()
            _fill_object(value, out.struct_value, depth)


def _object(message: Struct, depth: int) -> dict[str, Json]:
    depth = descend(depth)
    return {key: _value(item, depth) for key, item in message.fields.items()}


def _list(message: ListValue, depth: int) -> list[Json]:
    depth = descend(depth)
    return [_value(item, depth) for item in message.values]


def _value(message: Value, depth: int) -> Json:
    match message.WhichOneof("kind"):
        case "string_value":
            return message.string_value
        case "number_value":
            return message.number_value
        case "bool_value":
            return message.bool_value
        case "struct_value":
            return _object(message.struct_value, depth)
        case "list_value":
            return _list(message.list_value, depth)
        case _:
            return None
