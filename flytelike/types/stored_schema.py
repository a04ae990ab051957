"""What JSON schemas of documents say of files, folders and tables, in the stock SDK's form."""

from flytelike.model.types import Json

PATH: dict[str, Json] = {"anyOf": [{"type": "string"}, {"type": "string", "format": "path"}], "default": None}
METADATA: dict[str, Json] = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"type": "string"}},
        {"type": "null"},
    ],
    "default": None,
}
TEXT_OR_NULL: list[Json] = [{"type": "string"}, {"type": "null"}]

PROPERTIES: dict[str, dict[str, Json]] = {
    "FlyteFile": {"path": PATH, "metadata": METADATA},
    "FlyteDirectory": {"path": PATH},
    "StructuredDataset": {
        "uri": {"anyOf": TEXT_OR_NULL, "default": None},
        "file_format": {"anyOf": TEXT_OR_NULL, "default": ""},
    },
}
"""By the title of the class."""


def stored_schema(title: str) -> dict[str, Json]:
    """Return the schema of a stored value, told by its class's title."""
    return {"type": "object", "title": title, "properties": PROPERTIES[title], "additionalProperties": False}
