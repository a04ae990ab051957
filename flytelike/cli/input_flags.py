"""Typed inputs from the command line: flags and a YAML or JSON file, all faults at once."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import yaml

from flytelike.compiler.describe import describe_type
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.interface import Parameter
from flytelike.model.literals import Literal
from flytelike.model.types import BOOLEAN, Json
from flytelike.types.inputs import Locate, json_from_literal, literal_from_json, parse_text

INPUT_FILE_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag as typed; `text` is None where its value is missing, which was told as a fault."""

    name: str
    text: str | None


def literals(
    parameters: Mapping[str, Parameter], words: Sequence[str], file: Path | None, locate: Locate
) -> dict[str, Literal]:
    """Return the inputs that flags and file give; flags win. `locate` turns local paths into uris.

    Raises:
        DiagnosticError: every unknown, unparsable, doubled or missing input.
    """
    faults: list[Diagnostic] = []
    found: dict[str, Literal] = {}
    given: set[str] = set()
    if file is not None:
        for name, value in document(file).items():
            given.add(name)
            keep(found, faults, parameters, name, from_json(parameters, name, value, locate))
    seen: set[str] = set()
    for flag in flags(words, parameters, faults):
        if flag.name in seen:
            faults.append(fault("repeated-input", f"the input `{flag.name}` is given twice"))
        seen.add(flag.name)
        if flag.text is not None:
            keep(found, faults, parameters, flag.name, from_text(parameters, flag.name, flag.text, locate))
    faults.extend(
        fault(
            "missing-input",
            f"the input `{name}` ({describe_type(parameter.variable.type)}) is missing",
            f"give it with `--{name} VALUE`, or in a file with `--inputs FILE`",
        )
        for name, parameter in parameters.items()
        if parameter.required and name not in given | seen
    )
    if faults:
        raise DiagnosticError(faults)
    return found


Outcome = Literal | list[Diagnostic]


def keep(
    found: dict[str, Literal],
    faults: list[Diagnostic],
    parameters: Mapping[str, Parameter],
    name: str,
    outcome: Outcome,
) -> None:
    """Put a literal among the inputs, or its faults among the faults."""
    if name in parameters and not isinstance(outcome, list):
        found[name] = outcome
    elif isinstance(outcome, list):
        faults.extend(outcome)


def flags(words: Sequence[str], parameters: Mapping[str, Parameter], faults: list[Diagnostic]) -> Iterator[Flag]:
    """Yield the flags among `words`: `--x V`, `--x=V`, and for booleans `--x` and `--no-x`."""
    waiting = list(reversed(words))
    while waiting:
        word = waiting.pop()
        if not word.startswith("--"):
            faults.append(fault("stray-argument", f"`{word}` is not a flag", "inputs are given as `--name VALUE`"))
            continue
        name, equals, text = word[2:].partition("=")
        name = spelled(name, parameters)
        boolean = name in parameters and parameters[name].variable.type == BOOLEAN
        negated = spelled(name.removeprefix("no-").removeprefix("no_"), parameters)
        if equals:
            yield Flag(name, text)
        elif boolean and not (waiting and waiting[-1].lower() in {"true", "false"}):
            yield Flag(name, "true")
        elif name not in parameters and negated in parameters:
            yield Flag(negated, "false")
        elif not waiting:
            faults.append(fault("missing-value", f"the flag `--{name}` needs a value"))
            yield Flag(name, None)
        else:
            yield Flag(name, waiting.pop())


def spelled(name: str, parameters: Mapping[str, Parameter]) -> str:
    """Return the parameter's name for a flag typed with dashes."""
    return name.replace("-", "_") if name not in parameters and name.replace("-", "_") in parameters else name


def from_text(parameters: Mapping[str, Parameter], name: str, text: str, locate: Locate) -> Outcome:
    """Return the literal a flag gives, or its faults."""
    if name not in parameters:
        return [unknown(name, parameters)]
    return parse_text(text, parameters[name].variable.type, f"--{name}", locate)


def from_json(parameters: Mapping[str, Parameter], name: str, value: Json, locate: Locate) -> Outcome:
    """Return the literal a file's entry gives, or its faults."""
    if name not in parameters:
        return [unknown(name, parameters)]
    return literal_from_json(value, parameters[name].variable.type, f"$.{name}", locate)


def document(file: Path) -> dict[str, Json]:
    """Read a YAML or JSON file of inputs; raises DiagnosticError when it is not one mapping."""
    try:
        if file.stat().st_size > INPUT_FILE_BYTES_MAX:
            raise DiagnosticError([fault("unreadable-input-file", f"{file} is larger than 16 MiB")])
        text = file.read_text(encoding="utf-8")
        found = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise DiagnosticError([fault("unreadable-input-file", f"{file} cannot be read: {error}")]) from None
    except RecursionError:
        raise DiagnosticError([fault("unreadable-input-file", f"{file} has too many levels")]) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise DiagnosticError(
            [fault("unreadable-input-file", f"{file} holds no mapping", "write one `name: value` a line")]
        )
    return {str(key): value for key, value in found.items()}


def unknown(name: str, parameters: Mapping[str, Parameter]) -> Diagnostic:
    """Return the diagnostic for an input that does not exist."""
    close = difflib.get_close_matches(name, parameters, n=1)
    known = ", ".join(parameters) or "none"
    hint = f"did you mean `{close[0]}`?" if close else f"the inputs are: {known}"
    return fault("unknown-input", f"there is no input `{name}`", hint)


def fault(code: str, headline: str, *help_: str) -> Diagnostic:
    """Return a diagnostic without a place in a source."""
    return Diagnostic(code, headline, help=help_)


def shown_parameters(parameters: Mapping[str, Parameter]) -> str:
    """Return the table of inputs that `--help` on a target prints."""
    if not parameters:
        return "Inputs: none"
    formatter = click.HelpFormatter(width=100)
    with formatter.section("Inputs"):
        formatter.write_dl([(flag_text(name, found), note(found)) for name, found in parameters.items()])
    return formatter.getvalue().rstrip()


def flag_text(name: str, parameter: Parameter) -> str:
    """Return how the flag is written, with its type."""
    if parameter.variable.type == BOOLEAN:
        return f"--{name} / --no-{name}"
    return f"--{name} {describe_type(parameter.variable.type)}"


def note(parameter: Parameter) -> str:
    """Return the parameter's description with its default."""
    parts = [parameter.variable.description]
    if parameter.required:
        parts.append("[required]")
    elif parameter.default is not None:
        parts.append(f"[default: {json.dumps(json_from_literal(parameter.default), ensure_ascii=False)}]")
    return "  ".join(part for part in parts if part)
