"""Fields from the JSON schema of a STRUCT type: values take the form that they have in documents.

The result equals what the types' own values give, so that an input typed on a command line and one
given in Python are one and the same.
"""

import copy
from collections.abc import Mapping
from functools import partial
from types import NoneType
from typing import Any, TypeVar
from urllib.parse import unquote

from marshmallow.exceptions import ValidationError

from flytelike.model.types import BlobType, Json, StructuredDatasetType
from flytelike.types.inputs import limits
from flytelike.types.inputs.containers import Entries, Forbidden, Free, Items, Object, Places
from flytelike.types.inputs.fields import Choice, Integer, Null, Number, Place, Strict, Text, Truth
from flytelike.types.inputs.formats import FORMATS, MODEL_FORMATS
from flytelike.types.inputs.places import Stored
from flytelike.types.inputs.reading import reading
from flytelike.types.inputs.text import meaning
from flytelike.types.inputs.union import Inside, Union

T = TypeVar("T", str, list[Any], dict[str, Any])

STORED: Mapping[str, tuple[str, Stored, dict[str, Json]]] = {
    "FlyteFile": ("path", BlobType(), {}),
    "FlyteDirectory": ("path", BlobType(multipart=True), {}),
    "StructuredDataset": ("uri", StructuredDatasetType(), {"file_format": "parquet"}),
}
"""Objects, by title, that may be written as a path or uri: the property it goes to, what it names, and the rest."""
REMARKS = frozenset({"$ref", "$schema", "$defs", "definitions", "title", "description", "default", "examples"})
"""What beside a `$ref` narrows nothing."""


class Builder:
    """Builds the fields of one JSON schema; each of its definitions once."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        """Look references up in `root`."""
        self.root = root
        self.built: dict[str, Strict] = {}
        self.begun: set[str] = set()
        self.formats = FORMATS

    def field(self, schema: Any) -> Strict:  # noqa: ANN401 - JSON
        """Return the field of a schema; for what is none, one that takes anything."""
        match schema:
            case {"$ref": str(reference)}:
                return self.referred(reference, {k: v for k, v in schema.items() if k not in REMARKS})
            case {"allOf": [part]}:
                return self.field(part)
            case {"allOf": [*parts]}:
                return self.field(self.merged(schema, parts))
            case {"enum": [*options]}:
                return Choice(options)
            case {"const": option}:
                return Choice([option])
            case {"anyOf": [*options]} | {"oneOf": [*options]}:
                return self.union([self.field(option) for option in options])
            case {"type": [*names]}:
                return self.union([self.field({**schema, "type": name}) for name in names])
            case {"format": str(name)} if name in self.formats:
                return self.formats[name]()
            case Mapping():
                return self.of_type(schema)
            case _:
                return Forbidden() if schema is False else Free()

    def of_type(self, schema: Mapping[str, Any]) -> Strict:
        """Return the field of a schema by its `type`."""
        match schema.get("type"):
            case "integer":
                return Integer(limits=limits.of_number(schema))
            case "number":
                return (Integer if schema.get("format") == "integer" else Number)(limits=limits.of_number(schema))
            case "string":
                return Text(limits=limits.of_text(schema))
            case "boolean":
                return Truth()
            case "null":
                return Null()
            case "array":
                return self.array(schema)
            case "object":
                return self.stored(schema) if stated(schema, "title", "") in STORED else self.object(schema)
            case _:
                return self.object(schema) if "properties" in schema else Free()

    def array(self, schema: Mapping[str, Any]) -> Strict:
        """Return the field of a list, or of a tuple."""
        match schema:
            case {"prefixItems": [_, *_] as places} | {"items": [_, *_] as places}:
                return Places([self.field(place) for place in places])
            case _:
                return Items(self.field(schema.get("items", {}) or {}), limits=limits.of_list(schema))

    def object(self, schema: Mapping[str, Any]) -> Strict:
        """Return the field of an object, with the defaults that its schema states."""
        properties, title = stated(schema, "properties", {}), stated(schema, "title", "")
        required = [name for name in stated(schema, "required", []) if isinstance(name, str)]
        others = self.others(schema, list(properties))
        if properties or required:
            around, self.formats = self.formats, MODEL_FORMATS if of_model(properties) else FORMATS
            known = {name: self.property(name, inner) for name, inner in properties.items()}
            self.formats = around
            return Object(title or "dict", known, required, others, limits=limits.of_dict(schema))
        others.title = title
        return others

    def property(self, name: str, schema: Any) -> Strict:  # noqa: ANN401 - JSON
        """Return the field of a property."""
        field = named(name, self.field(schema))
        if isinstance(schema, Mapping) and "default" in schema:
            field.load_default = partial(default, field, schema["default"])
        return field

    def others(self, schema: Mapping[str, Any], known: list[str]) -> Entries:
        """Return the field of the entries that are no properties."""
        names, values = schema.get("propertyNames"), schema.get("additionalProperties", True)
        match schema.get("patternProperties"):
            case dict() as patterns if len(patterns) == 1:  # keys of `Annotated[str, pattern]`
                ((pattern, values),) = patterns.items()
                names = {"type": "string", "pattern": pattern}
        field = Forbidden(known) if values is False else self.field(values)
        narrowed = limits.NO_LIMITS if known else limits.of_dict(schema)
        return Entries(self.key(names), field, limits=narrowed)

    def key(self, schema: Any) -> Strict:  # noqa: ANN401 - JSON
        """Return the field of keys: JSON writes all as text, documents have numbers too."""
        field = copy.copy(self.field(schema))
        match field:
            case Integer() | Number() | Truth() | Null():
                wanted = {Integer: int, Number: float, Truth: bool, Null: NoneType}[type(field)]
                field.pre_load = [lambda key: meaning(key, wanted) if isinstance(key, str) else key]
            case Choice(options=options):
                field.pre_load = [lambda key: next((option for option in options if str(option) == key), key)]
            case Text():
                field.pre_load = [str]
            case _:
                pass
        return field

    def stored(self, schema: Mapping[str, Any]) -> Strict:
        """Return the field of a file, folder or table: a path or uri, or an object with one."""
        name, kind, rest = STORED[schema["title"]]
        known = {n: named(n, self.field(inner)) for n, inner in stated(schema, "properties", {}).items()}
        known[name] = named(name, Union([Place(kind), Null()]))
        short = Place(kind, post_load=lambda uri: {name: uri, **rest})
        return Union([short, Object(schema["title"], known, (), self.others(schema, list(known)))], title=short.title)

    def union(self, options: list[Strict]) -> Strict:
        """Return the field of a union; unions inside of it are a part of it, and texts stay texts where they can."""
        found = [
            part
            for option in options
            for part in (option.options if type(option) is Union and not option.title else [option])
        ]
        return Union(sorted(found, key=lambda option: not isinstance(option, Text)))

    def referred(self, reference: str, narrower: Mapping[str, Any]) -> Strict:
        """Return the field of a definition."""
        target = self.target(reference)
        if narrower and isinstance(target, Mapping):
            return self.field({**target, **narrower})
        if reference not in self.begun:
            self.begun.add(reference)
            self.built[reference] = self.field(target)
        if reference not in self.built:  # a part of what is being built
            title = stated(target, "title", "") if isinstance(target, dict) else ""
            return Inside(title or reference.rsplit("/", 1)[-1], lambda: self.built[reference])
        return self.built[reference]

    def target(self, reference: str) -> Any:  # noqa: ANN401 - JSON
        """Return what a `$ref` stands for: a place in the same schema (RFC 6901); anything, where there is none."""
        found: Any = self.root if reference[:1] == "#" else {}
        for step in reference.split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        return found

    def merged(self, schema: Mapping[str, Any], parts: list[Any]) -> dict[str, Any]:
        """Return one schema for a type that must fit several."""
        found: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in parts:
            match part:
                case {"$ref": str(reference)}:
                    inner = self.target(reference)
                case _:
                    inner = part
            if isinstance(inner, Mapping):
                properties = {**stated(found, "properties", {}), **stated(inner, "properties", {})}
                required = [*stated(found, "required", []), *stated(inner, "required", [])]
                found = {**found, **inner, "properties": properties, "required": required}
        return found


def stated(schema: Mapping[str, Any], keyword: str, otherwise: T) -> T:
    """Return what a schema states; `otherwise` where it states nothing of that class."""
    value = schema.get(keyword)
    return value if isinstance(value, type(otherwise)) else otherwise


def of_model(properties: Mapping[str, Any]) -> bool:
    """Tell whether an object is a pydantic model: its simple fields have titles, and they come from their names."""
    simple = {name: inner for name, inner in properties.items() if isinstance(inner, Mapping)}
    titles = {name: inner.get("title") for name, inner in simple.items() if inner.get("type") != "object"}
    return any(title == name.title().replace("_", " ").strip() for name, title in titles.items())


def named(name: str, field: Strict) -> Strict:
    """Return a field as that of a property."""
    found = copy.copy(field)
    found.data_key = name
    return found


def default(field: Strict, value: Json) -> Any:  # noqa: ANN401 - a document
    """Return a default as documents have it: types keep whole doubles as integers. It may be none of the type's own."""
    try:
        with reading(None):
            return field.deserialize(value)
    except ValidationError:
        return value
