"""pydantic's models: a STRUCT with the model's own JSON schema, and msgpack of what the model dumps.

Fields go by their names, not their aliases, on the wire: promises and inputs name them so. Files, folders and tables
in a model are stored and fetched through the context that pydantic hands on (see `pydantic_stored`).
"""

import functools
import json
import operator
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.literals import Binary, GenericStruct, Literal
from flytelike.model.types import Json, LiteralType, SimpleKind, SimpleType, TypeStructure, json_text
from flytelike.types import msgpack_value
from flytelike.types.annotated import bare, origin_of
from flytelike.types.context import ValueContext
from flytelike.types.faults import TypeFault, mismatch, shown, undecodable, unsupported
from flytelike.types.lookup import Lookup
from flytelike.types.mapping import MSGPACK_ANNOTATION
from flytelike.types.primitives import unwrapped
from flytelike.types.pydantic_stored import Converter, StoredFields
from flytelike.types.records import record_of
from flytelike.types.transformer import Hint


class PydanticTransformer:
    """Models to documents and back; pydantic checks both ways."""

    name = "Pydantic Transformer"

    def __init__(self, registry: Lookup, converter: Converter) -> None:
        self._registry = registry
        self._converter = converter

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a model. Without pydantic there is none."""
        return is_model(hint)

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return STRUCT with the schema, and the types of the fields that have one."""
        return LiteralType(
            SimpleType(SimpleKind.STRUCT),
            structure=TypeStructure(fields=tuple(sorted(self._fields(hint).items()))),
            metadata=json_text(schema_of_model(hint)),
            annotation=MSGPACK_ANNOTATION,
        )

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the document; raises TypeFault when the model no longer holds what its fields say."""
        from pydantic_core import PydanticSerializationError  # noqa: PLC0415 - who has a model has loaded it

        if not isinstance(value, hint):
            raise mismatch(hint, value)
        try:
            plain = value.model_dump(
                mode="json",
                round_trip=True,
                by_alias=False,
                warnings="error",
                context=StoredFields(self._converter, ctx),
            )
        except PydanticSerializationError as error:
            cause = error.__cause__
            if isinstance(cause, TypeFault):
                raise cause from None
            raise mismatch(hint, value, str(error)) from None
        return Literal(Binary(msgpack_value.packed(plain, hint), "msgpack"))

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - a model
        """Return the model; raises TypeFault with every field that pydantic refuses."""
        from pydantic import ValidationError  # noqa: PLC0415 - who has a model has loaded it

        found = unwrapped(literal).value
        if not isinstance(found, Binary | GenericStruct):
            raise undecodable(hint, type(found).__name__)
        # As JSON, because strict models take text for dates and the like from there only.
        text = json.dumps(msgpack_value.unpacked(found))
        try:
            return hint.model_validate_json(
                text, context=StoredFields(self._converter, ctx), by_alias=False, by_name=True
            )
        except ValidationError as error:
            raise refused(hint, error.errors(include_url=False, include_context=False)) from None

    def _fields(self, hint: Hint) -> dict[str, LiteralType]:
        found = {}
        for name, field in hint.model_fields.items():
            try:
                found[name] = self._registry.literal_type(cut(field.annotation, hint))
            except TypeFault:
                continue  # pydantic knows more types than literals: such a field is in the document only
        return found


def is_model(hint: Hint) -> bool:
    """Tell whether an annotation is a pydantic model."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(hint, type) and issubclass(hint, pydantic.BaseModel)


def cut(hint: Hint, model: Hint) -> Hint:
    """Return an annotation with `dict` for each model that has `model` inside: types have no circles."""
    if is_model(hint):
        return dict if reaches(hint, model) else hint
    arguments = typing.get_args(hint)
    if not any(reaches(argument, model) for argument in arguments):
        return hint
    parts = tuple(cut(argument, model) for argument in arguments)
    if origin_of(hint) in {typing.Union, types.UnionType}:
        return functools.reduce(operator.or_, parts)
    return origin_of(hint)[parts]


@functools.lru_cache(maxsize=4096)
def reaches(hint: Hint, model: Hint) -> bool:
    """Tell whether a model is an annotation, or at any depth inside of it."""
    seen: set[Hint] = set()
    pending = [hint]
    while pending:
        found = bare(pending.pop())
        if found == model:
            return True
        if found in seen:
            continue
        seen.add(found)
        if is_model(found):
            pending.extend(field.annotation for field in found.model_fields.values())
        else:
            pending.extend(record.hints.values() if (record := record_of(found)) else typing.get_args(found))
    return False


def schema_of_model(hint: Hint) -> dict[str, Json]:
    """Return a model's JSON schema.

    Raises:
        TypeFault: a field has no form in JSON, or is a secret, which would be lost (or seen) on its way.
    """
    from pydantic import PydanticUserError  # noqa: PLC0415 - who has a model has loaded it

    try:
        schema: dict[str, Json] = hint.model_json_schema(by_alias=False)
    except PydanticUserError as error:
        reason = str(error).partition("\n")[0].removeprefix("Cannot generate a JsonSchema for ")
        raise unsupported(hint, f"a field has no form in JSON: {reason}", "give the field another type") from None
    for name, field in secrets_in(schema):
        raise unsupported(hint, f"`{name}` is a secret", f"take `{field}` from the environment of the task instead")
    return schema


def secrets_in(schema: Mapping[str, Any]) -> "list[tuple[str, str]]":
    """Return the fields that are secrets, with the names of their models."""
    models = {schema.get("title", ""): schema, **schema.get("$defs", {})}
    return [
        (f"{title}.{name}", name)
        for title, model in models.items()
        for name, field in model.get("properties", {}).items()
        if field.get("format") == "password" and field.get("writeOnly")
    ]


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema without `$defs`, to stand inside of another; a model inside itself is any object."""
    definitions = schema.get("$defs", {})

    def resolved(part: Any, above: tuple[str, ...]) -> Any:  # noqa: ANN401 - JSON
        if isinstance(part, list):
            return [resolved(item, above) for item in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).removeprefix("#/$defs/")
        if name in above:
            return {"type": "object", "title": name}
        if name in definitions:
            rest = {key: value for key, value in part.items() if key != "$ref"}
            return {**resolved(definitions[name], (*above, name)), **rest}
        return {key: resolved(value, above) for key, value in part.items() if key != "$defs"}

    found: dict[str, Any] = resolved(schema, ())
    return found


def refused(hint: Hint, errors: "list[Any]") -> TypeFault:
    """Return all faults that pydantic found, each with its path."""
    return TypeFault(
        Diagnostic("value-mismatch", f"{path_of(error['loc'])}: expected `{shown(hint)}`: {error['msg']}")
        for error in errors
    )


def path_of(location: "tuple[str | int, ...]") -> str:
    """Return pydantic's location as a path such as `$.layers[2].units`."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
