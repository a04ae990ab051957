"""A shell script with places for values: `{inputs.x}`, `{outputs.y}`, `{ctx.z}`.

No value ever becomes a part of the script. It travels as a variable of the environment, and the script names the
variable, quoted as its place asks: whatever a value holds, the shell takes it for text.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

PLACE = re.compile(r"\{(inputs|outputs|ctx)\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}|\{\{|\}\}")
VALUE_BYTES_MAX = 128 * 1024 - 256
"""A variable may have 128 KiB on Linux, its name included."""


class Quoting(Enum):
    """How the shell reads the text at a place."""

    BARE = "bare"
    DOUBLE = "double"
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A script, and the variables that it names."""

    text: str
    env: dict[str, str]


def rendered(script: str, value: Callable[[str, str], str | float]) -> Rendered:
    """Return a script whose places name variables.

    Args:
        script: The author's; `{{` and `}}` stand for braces.
        value: Gives the value of `inputs.x` and so on, asked as (`inputs`, `x`); what it raises passes through. Numbers
            are written into the script, where arithmetic needs them: they hold nothing that a shell could take for more.

    Raises:
        ValueError: A value cannot be a variable.
    """
    env: dict[str, str] = {}
    parts: list[str] = []
    for text, match, quoting in _pieces(script):
        parts.append(text)
        if match is None:
            continue
        if match[1] is None:
            parts.append(match[0][0])
            continue
        found = value(match[1], match[2])
        if isinstance(found, int | float):
            parts.append(shown(found))
            continue
        name = f"_FLYTELIKE_{match[1]}_{match[2].replace('.', '_')}".upper() + f"_{len(env)}"
        env[name] = _fitting(found, match[0])
        parts.append(_reference(name, quoting))
    return Rendered("".join(parts), env)


def plain(template: str, value: Callable[[str, str], str | float]) -> str:
    """Return a text that is no script with its places filled in."""
    return PLACE.sub(lambda match: match[0][0] if match[1] is None else shown(value(match[1], match[2])), template)


def shown(value: str | float) -> str:
    """Return a value as text."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _reference(name: str, quoting: Quoting) -> str:
    match quoting:
        case Quoting.BARE:
            return f'"${{{name}}}"'
        case Quoting.DOUBLE:
            return f"${{{name}}}"
        case Quoting.SINGLE:
            return f"'\"${{{name}}}\"'"


def _fitting(value: str, place: str) -> str:
    if "\0" in value:
        raise ValueError(f"the value for {place} holds a NUL character, which no variable can")
    if len(value.encode()) > VALUE_BYTES_MAX:
        raise ValueError(f"the value for {place} is larger than {VALUE_BYTES_MAX // 1024} KiB; give it as a file")
    return value


def _pieces(script: str) -> Iterator[tuple[str, "re.Match[str] | None", Quoting]]:
    """Yield the text before each place, the place, and how the shell reads it there; at last the rest."""
    reader = _Reader()
    at = 0
    for match in PLACE.finditer(script):
        text = script[at : match.start()]
        reader.take(text)
        yield text, match, reader.quoting
        at = match.end()
    yield script[at:], None, Quoting.BARE


class _Reader:
    """Follows a shell's quotes: single ones, double ones, and `$(...)`, inside of which quoting begins anew."""

    def __init__(self) -> None:
        self._stack: list[str] = []
        self._escaped = False
        self._comment = False
        self._before = "\n"

    @property
    def quoting(self) -> Quoting:
        top = self._stack[-1] if self._stack else ""
        return Quoting.SINGLE if top == "'" else Quoting.DOUBLE if top == '"' else Quoting.BARE

    def take(self, text: str) -> None:
        for letter in text:
            self._step(letter)
            self._before = letter

    def _step(self, letter: str) -> None:
        top = self._stack[-1] if self._stack else ""
        if self._comment:
            self._comment = letter != "\n"
        elif self._escaped:
            self._escaped = False
        elif top == "'":
            self._end(letter == "'")
        elif letter == "\\":
            self._escaped = True
        elif letter == '"':
            self._toggle('"', top)
        elif letter == "(" and self._before == "$":
            self._stack.append("(")
        elif top != '"':
            self._bare(letter, top)

    def _bare(self, letter: str, top: str) -> None:
        if letter == "'":
            self._stack.append("'")
        elif letter == "#" and self._before in " \t\n;":
            self._comment = True
        elif letter == "(" and top == "(":
            self._stack.append("(")
        elif letter == ")":
            self._end(top == "(")

    def _toggle(self, quote: str, top: str) -> None:
        if top == quote:
            self._stack.pop()
        else:
            self._stack.append(quote)

    def _end(self, ends: bool) -> None:
        if ends:
            self._stack.pop()
