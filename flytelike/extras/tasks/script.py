"""A shell script with places for values: `{inputs.x}`, `{outputs.y}`, `{ctx.z}`.

No value ever becomes a part of the script. It travels as a variable of the environment, and the script names the
variable, quoted as its place asks: whatever a value holds, the shell takes it for text.
"""

import re
from collections import deque
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
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A script, and the variables that it names."""

    text: str
    env: dict[str, str]


def rendered(script: str, value: Callable[[str, str], str | float]) -> Rendered:
    """Return a script whose places name variables.

    Args:
        script: The author's; `{{` and `}}` stand for braces.
        value: Gives the value of `inputs.x` and so on, asked as (`inputs`, `x`); what it raises passes
            through. A number is written into the script, where arithmetic needs it: a shell cannot take it for more.

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
        parts.append(_reference(name, quoting, match[0]))
    return Rendered("".join(parts), env)


def plain(template: str, value: Callable[[str, str], str | float]) -> str:
    """Return a text that is no script with its places filled in."""
    return PLACE.sub(lambda match: match[0][0] if match[1] is None else shown(value(match[1], match[2])), template)


def shown(value: str | float) -> str:
    """Return a value as text."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _reference(name: str, quoting: Quoting, place: str) -> str:
    match quoting:
        case Quoting.BARE:
            return f'"${{{name}}}"'
        case Quoting.DOUBLE:
            return f"${{{name}}}"
        case Quoting.SINGLE:
            return f"'\"${{{name}}}\"'"
        case Quoting.NEVER:
            raise ValueError(f"{place} stands in a here-document whose end is quoted: the shell puts no values into it")


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


_HERE = re.compile(r"<<(?!<)-?\s*(?P<quote>[\"'\\\\]?)(?P<end>\w+)")


class _Reader:
    """Follows a shell's quotes, those inside of `$(...)`, which begin anew, and here-documents."""

    def __init__(self) -> None:
        self._stack: list[str] = []
        self._escaped = False
        self._comment = False
        self._before = "\n"
        self._line = ""
        self._here: deque[tuple[str, bool]] = deque()
        self._in_here = False

    @property
    def quoting(self) -> Quoting:
        if self._in_here:
            return Quoting.NEVER if self._here[0][1] else Quoting.DOUBLE
        top = self._stack[-1] if self._stack else ""
        return Quoting.SINGLE if top == "'" else Quoting.DOUBLE if top == '"' else Quoting.BARE

    def take(self, text: str) -> None:
        for letter in text:
            if self._in_here:
                self._read_here(letter)
            else:
                self._step(letter)
                self._note_here(letter)
            self._before = letter
        self._line += "\0"  # a value follows: the line is none that ends a here-document

    def _note_here(self, letter: str) -> None:
        """Find out at the end of a line which here-documents follow it."""
        if letter != "\n":
            self._line += letter
            return
        if not self._stack or self._stack[-1] == "(":
            self._here.extend((found["end"], bool(found["quote"])) for found in _HERE.finditer(self._line))
        self._in_here = bool(self._here)
        self._line = ""

    def _read_here(self, letter: str) -> None:
        if letter != "\n":
            self._line += letter
            return
        if self._line.lstrip("\t") == self._here[0][0]:
            self._here.popleft()
        self._in_here = bool(self._here)
        self._line = ""

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
