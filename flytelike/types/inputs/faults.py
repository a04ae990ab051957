"""What is wrong with an input, and where: `$.config.layers[2].units: expected int ≥ 1, got "many"`."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from flytelike.model.diagnostic import Diagnostic

FAULTS_MAX = 200
"""How many faults of one input are told; of a million wrong numbers nobody reads more."""
SHOWN_MAX = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `steps` are the indexes (int) and names (anything else) that lead to it."""

    text: Callable[[], str]  # written when it is told: a union's attempts fail for nobody to read
    steps: tuple[object, ...] = ()

    def below(self, step: object) -> "Fault":
        """Return the fault as it is seen from outside of the list or object that it is in."""
        return replace(self, steps=(step, *self.steps))


def told(faults: Sequence[Fault], path: str) -> list[Diagnostic]:
    """Return faults as diagnostics; `path` is what leads to the input as a whole."""
    found = [wrong_value(path_of(fault, path), fault.text()) for fault in faults[:FAULTS_MAX]]
    more = len(faults) - FAULTS_MAX
    return [*found, wrong_value(path, f"{more} more values do not fit")] if more > 0 else found


def path_of(fault: Fault, path: str) -> str:
    """Return the path that leads to a fault."""
    for step in fault.steps:
        match step:
            case Index():
                path += f"[{int(step)}]"
            case _ if re.fullmatch(r"[\w-]+", str(step)):
                path += f".{step}"
            case _:
                path += f"[{str(step)!r}]"
    return path


class Index(int):
    """A step into a list; whole numbers are keys of objects too."""


def wrong_value(path: str, text: str) -> Diagnostic:
    """Return the diagnostic of a value at a path."""
    return Diagnostic("wrong-input-value", f"{path}: {text}")


def wrong(expected: object, value: object) -> str:
    """Return the words for a value that is not what it should be."""
    return f"expected {expected}, got {shown(value)}"


def shown(value: object) -> str:
    """Return a value as JSON has it, cut to a line; of a large one only the start is written."""
    try:
        text = "".join(islice(pieces(value), SHOWN_MAX + 1))
    except (TypeError, ValueError, RecursionError):  # keys that JSON does not have; a value inside itself
        text = repr(value) if not isinstance(value, dict | list) else f"a {type(value).__name__}"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


def pieces(value: object) -> Iterator[str]:
    """Yield the JSON text of a value piece by piece."""
    return json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value)


def whole(text: str) -> bool:
    """Tell whether a text has no halves of characters, which JSON can escape but nothing can store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
