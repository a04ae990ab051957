"""JSON and YAML data brought into the form of documents, by the JSON schema of a STRUCT type.

The result equals what a dataclass's own values give, so that an input typed on a command line
and one given in Python are one and the same.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.types import BlobType, Json, SchemaType, StructuredDatasetType
from flytelike.types.input_times import SECOND_NS, duration, moment
from flytelike.types.primitives import EPOCH
from flytelike.types.primitives import moment as datetime_of

Stored = BlobType | StructuredDatasetType | SchemaType
Locate = Callable[[str, Stored], str]
"""Turns what was written for a file, folder or table into its uri; may upload. Raises ValueError or OSError."""

REFERENCES_MAX = 32
"""How deep `$ref`s are followed; schemas of dataclasses need one."""
STORED: Mapping[str, tuple[str, Stored]] = {
    "FlyteFile": ("path", BlobType()),
    "FlyteDirectory": ("path", BlobType(multipart=True)),
    "StructuredDataset": ("uri", StructuredDatasetType()),
}
"""Schemas, by title, of what is written as a path or uri: the property it goes to, and what it names."""
NAMES = {"integer": "int", "number": "float", "string": "str", "boolean": "bool", "null": "None"}
FORMATS = {
    "date-time": "a date or time such as 2024-05-01T12:00:00Z",
    "date": "a date such as 2024-05-01",
    "time-delta": "a duration such as 1h30m",
}


@dataclass(frozen=True, slots=True)
class SchemaReader:
    """Reads data by one schema; all faults are collected in `faults`."""

    root: Mapping[str, Any]
    locate: Locate
    faults: list[Diagnostic] = field(default_factory=list)

    def read(self, value: Any, schema: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the value in the form of documents; what does not fit is added to the faults."""
        schema = self.resolved(schema)
        if "anyOf" in schema or "oneOf" in schema:
            return self.any_of(value, schema, path)
        if "enum" in schema or "const" in schema:
            options = schema.get("enum", [schema.get("const")])
            # Schemas keep numbers as doubles; True is no 1.
            fits = any(value == option and isinstance(value, bool) == isinstance(option, bool) for option in options)
            return value if fits else self.wrong(value, schema, path)
        if schema.get("format") in FORMATS:
            return self.time(value, schema, path)
        match schema.get("type"):
            case "object":
                return self.object(value, schema, path)
            case "array":
                if not isinstance(value, list):
                    return self.wrong(value, schema, path)
                return [self.read(item, schema.get("items", {}), f"{path}[{i}]") for i, item in enumerate(value)]
            case "number" if type(value) in {int, float}:
                return value if schema.get("format") == "integer" else float(value)
            case kind:
                return freely(value) if of_json_type(value, kind) else self.wrong(value, schema, path)

    def object(self, value: Any, schema: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
        """Return an object's fields; missing ones get the defaults that the schema states."""
        title = schema.get("title", "")
        if title in STORED and isinstance(value, str):
            return self.stored(value, title, path)
        if not isinstance(value, dict):
            return self.wrong(value, schema, path)
        properties: Mapping[str, Any] = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                self.fault(path, f"the field `{name}` is missing")
        found = {}
        for key, item in value.items():
            if key in properties:
                found[key] = self.read(item, properties[key], below(path, key))
            else:
                found[self.key(key, schema, path)] = self.other(key, item, schema, path)
        if title not in STORED:
            found |= {n: self.default(p) for n, p in properties.items() if n not in value and "default" in p}
        return found

    def other(self, key: Any, value: Any, schema: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the value of a key that is no property."""
        allowed = schema.get("additionalProperties", True)
        if isinstance(allowed, dict):
            return self.read(value, allowed, below(path, key))
        if allowed is False:
            known = ", ".join(schema.get("properties", {})) or "none"
            self.fault(below(path, key), f"there is no such field; the fields are {known}")
        return freely(value)

    def key(self, key: Any, schema: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
        """Return a key as documents have it: JSON has only text, documents numbers too."""
        kind = schema.get("propertyNames", {}).get("type")
        if kind == "integer" and isinstance(key, str):
            if re.fullmatch(r"-?\d{1,19}", key):
                return int(key)
            self.fault(below(path, key), f"expected int as the key, got {key!r}")
        return str(key) if kind == "string" else key

    def any_of(self, value: Any, schema: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the value as the first option that takes it; one of exactly its type goes first."""
        options = [self.resolved(option) for option in schema.get("anyOf", schema.get("oneOf", ()))]
        attempts: list[SchemaReader] = []
        for option in sorted(options, key=lambda found: not exactly_of(value, found)):
            attempt = SchemaReader(self.root, self.locate)
            found = attempt.read(value, option, path)
            if not attempt.faults:
                return found
            if shaped_like(value, option):
                attempts.append(attempt)
        if len(attempts) == 1:
            self.faults.extend(attempts[0].faults)
            return value
        return self.wrong(value, schema, path)

    def time(self, value: Any, schema: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
        """Return an instant or date as ISO 8601 text, a duration as seconds."""
        if schema["format"] == "time-delta":
            span = duration(value)
            return self.wrong(value, schema, path) if span is None else length_s(span.ns)
        at = moment(value)
        if at is None:
            return self.wrong(value, schema, path)
        found = datetime_of(at) or EPOCH
        return found.date().isoformat() if schema["format"] == "date" else found.isoformat()

    def stored(self, text: str, title: str, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return how a document names a file, folder or table that was written as a path or uri."""
        name, kind = STORED[title]
        try:
            uri = self.locate(text, kind)
        except (ValueError, OSError) as error:
            self.fault(path, str(error))
            return text
        return {name: uri, "file_format": "parquet"} if name == "uri" else {name: uri}

    def default(self, schema: Mapping[str, Any]) -> Json:
        """Return a default; types keep whole doubles as integers."""
        found: Json = schema["default"]
        return float(found) if schema.get("type") == "number" and type(found) is int else found

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a local `$ref` stands for."""
        for _ in range(REFERENCES_MAX):
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#/"):
                break
            found: Any = self.root
            for step in reference[2:].split("/"):
                found = found.get(step, {}) if isinstance(found, Mapping) else {}
            schema = found if isinstance(found, Mapping) else {}
        return schema

    def wrong(self, value: Any, schema: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
        """Add the fault that a value is not what the schema wants; returns the value."""
        self.fault(path, f"expected {self.name(schema)}, got {shown(value)}")
        return value

    def fault(self, path: str, text: str) -> None:
        """Add a fault."""
        self.faults.append(wrong_value(path, text))

    def name(self, schema: Mapping[str, Any]) -> str:
        """Return a schema as its author would write the type."""
        schema = self.resolved(schema)
        if "anyOf" in schema or "oneOf" in schema:
            return " | ".join(self.name(option) for option in schema.get("anyOf", schema.get("oneOf", ())))
        if "enum" in schema:
            return "one of " + ", ".join(repr(value) for value in schema["enum"])
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        kind = schema.get("type", "")
        if kind == "array":
            return f"list[{self.name(schema['items'])}]" if schema.get("items") else "list"
        return str(NAMES.get(kind) or schema.get("title") or ("dict" if kind == "object" else "a value"))


def freely(value: Any) -> Any:  # noqa: ANN401 - YAML
    """Return data of which nothing is said, with the dates that YAML reads as text."""
    match value:
        case list():
            return [freely(item) for item in value]
        case dict():
            return {key: freely(item) for key, item in value.items()}
        case date():
            return value.isoformat()
        case _:
            return value


def of_json_type(value: Any, name: object) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a value is of a JSON schema's simple type; an unknown name accepts all."""
    match name:
        case "integer":
            return type(value) is int
        case "number":
            return type(value) in {int, float}
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case _:
            return True


def exactly_of(value: Any, schema: Mapping[str, Any]) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a value is of just the schema's type: 1 is a number, but exactly an integer."""
    kind = schema.get("type")
    return (type(value), kind) in {(int, "integer"), (float, "number"), (bool, "boolean")} and "format" not in schema


def shaped_like(value: Any, schema: Mapping[str, Any]) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a value is an object or list where the schema wants one: its inner faults are worth telling."""
    return (isinstance(value, dict) and schema.get("type") == "object") or (
        isinstance(value, list) and schema.get("type") == "array"
    )


def length_s(ns: int) -> float:
    """Return nanoseconds as seconds."""
    return ns / SECOND_NS


def below(path: str, name: object) -> str:
    """Return the path of a field or key."""
    text = str(name)
    return f"{path}.{text}" if re.fullmatch(r"[\w-]+", text) else f"{path}[{text!r}]"


def shown(value: object) -> str:
    """Return a value as JSON has it, cut to a line."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"


def wrong_value(path: str, text: str) -> Diagnostic:
    """Return the fault of a value at a path."""
    return Diagnostic("wrong-input-value", f"{path}: {text}")
