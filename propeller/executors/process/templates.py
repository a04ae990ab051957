"""Flyte's template variables in a container's command and arguments.

`{{.input}}`, `{{ $outputPrefix }}` and so on: any case, spaces allowed, `.` or `$` before the
name (Flyte's task contract).
"""

import re
from collections.abc import Callable, Mapping, Sequence

from flytelike.model.literals import (
    Blob,
    Collection,
    Instant,
    Literal,
    Primitive,
    SchemaValue,
    Span,
    StructuredDataset,
    UnionValue,
    Void,
)

_TEMPLATE = re.compile(r"\{\{\s*[.$]\s*([A-Za-z0-9_.]+)\s*\}\}")
_INPUT = "inputs."


class TemplateError(Exception):
    """A template names something that is not there, or cannot be shown as text."""


def names_in(words: Sequence[str]) -> frozenset[str]:
    """Return the names of all templates used, in lower case; those of inputs as `inputs.<name>`."""
    return frozenset(_folded(match[1]) for word in words if "{{" in word for match in _TEMPLATE.finditer(word))


def render(
    words: Sequence[str], variables: Mapping[str, str], value: Callable[[str], Literal | None]
) -> tuple[str, ...]:
    """Return the words with every template replaced.

    Args:
        words: A command and its arguments.
        variables: Text by name in lower case.
        value: Gives an input by name, for `{{.inputs.NAME}}`.

    Raises:
        TemplateError: A name is unknown, or an input is missing or has no text.
    """

    def replaced(match: re.Match[str]) -> str:
        name = _folded(match[1])
        if name in variables:
            return variables[name]
        if not name.startswith(_INPUT):
            raise TemplateError(f"{match[0]} is no template variable of Flyte's task contract")
        key = name[len(_INPUT) :]
        literal = value(key)
        if literal is None:
            raise TemplateError(f"{match[0]}: there is no input {key}")
        return _text(literal, key)

    return tuple(_TEMPLATE.sub(replaced, word) if "{{" in word else word for word in words)


def _folded(name: str) -> str:
    """Return a name in lower case, but an input's own name as it is written."""
    head, dot, rest = name.partition(".")
    return f"{head.lower()}{dot}{rest}"


def _text(literal: Literal, name: str) -> str:
    match literal.value:
        case Primitive(bool() as flag):
            return "true" if flag else "false"
        case Primitive(Instant(ns)) | Primitive(Span(ns)):
            return str(ns)
        case Primitive(value):
            return str(value)
        case Blob(uri) | SchemaValue(uri) | StructuredDataset(uri):
            return uri
        case UnionValue(inner, _):
            return _text(inner, name)
        case Collection(items):
            return f"[{','.join(_text(item, name) for item in items)}]"
        case Void():
            return ""
        case other:
            raise TemplateError(f"input {name} is a {type(other).__name__}, which has no form as text")
