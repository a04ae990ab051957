"""Flyte's template variables in a container's command and arguments.

`{{.input}}`, `{{ $outputPrefix }}` and so on: any case, spaces allowed, `.` or `$` before the
name (Flyte's task contract).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

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


@lru_cache(maxsize=1024)
def names_in(words: tuple[str, ...]) -> frozenset[str]:
    """Return the names of all templates used, in lower case; those of inputs as `inputs.<name>`."""
    return frozenset(part.name for word in _parsed(words) for part in word or () if isinstance(part, _Variable))


def render(
    words: tuple[str, ...],
    variable: Callable[[str], str | None],
    value: Callable[[str], Literal | None],
    written: Callable[[str], str] = str,
) -> tuple[str, ...]:
    """Return the words with every template replaced.

    Args:
        words: A command and its arguments.
        variable: Gives a variable by its name in lower case; None if there is none.
        value: Gives an input by name, for `{{.inputs.NAME}}`.
        written: How the text of an input is put there.

    Raises:
        TemplateError: A name is unknown, or an input is missing or has no text.
    """

    def replaced(part: _Variable) -> str:
        text = variable(part.name)
        if text is not None:
            return text
        if not part.name.startswith(_INPUT):
            raise TemplateError(f"{part.written} is no template variable of Flyte's task contract")
        key = part.name[len(_INPUT) :]
        literal = value(key)
        if literal is None:
            raise TemplateError(f"{part.written}: there is no input {key}")
        return written(_text(literal, key))

    return tuple(
        [
            written if word is None else "".join([it if isinstance(it, str) else replaced(it) for it in word])
            for written, word in zip(words, _parsed(words), strict=True)
        ]
    )


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    written: str


@lru_cache(maxsize=1024)  # every attempt of a task has the same words
def _parsed(words: tuple[str, ...]) -> tuple[tuple["str | _Variable", ...] | None, ...]:
    return tuple(_parts(word) for word in words)


def _parts(word: str) -> tuple["str | _Variable", ...] | None:
    """Return what a word is made of; None if nothing in it is to be replaced."""
    parts: list[str | _Variable] = []
    at = 0
    for match in _TEMPLATE.finditer(word):
        parts += [word[at : match.start()], _Variable(_folded(match[1]), match[0])]
        at = match.end()
    parts = [part for part in (*parts, word[at:]) if part]
    return tuple(parts) if any(isinstance(part, _Variable) for part in parts) else None


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
