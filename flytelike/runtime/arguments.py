"""The command line of `flytelike-execute`, as a task's container template writes it."""

from collections.abc import Sequence
from dataclasses import dataclass

PROGRAM = "flytelike-execute"

_OPTIONS = {
    "--inputs": "inputs_uri",
    "--output-prefix": "output_prefix",
    "--raw-output-data-prefix": "raw_output_prefix",
    "--checkpoint-path": "checkpoint_prefix",
    "--prev-checkpoint": "previous_checkpoint_prefix",
    "--code": "code",
}
_LOCATORS = {"module": "module", "task": "task"}
_REQUIRED = ("inputs_uri", "output_prefix", "module", "task")


@dataclass(frozen=True, slots=True)
class Invocation:
    """One attempt of a task: where its documents lie and which task it is.

    `code` is `sha256:<hex>` of the code bundle, or empty when the code is installed.
    """

    inputs_uri: str
    output_prefix: str
    module: str
    task: str
    raw_output_prefix: str = ""
    checkpoint_prefix: str = ""
    previous_checkpoint_prefix: str = ""
    code: str = ""


class ArgumentsError(Exception):
    """The command line is not one of `flytelike-execute`."""


def parse(args: Sequence[str]) -> Invocation:
    """Return what the arguments ask for; they follow the program's name, in any order.

    Options may be written `--name value` or `--name=value`; `module` and `task` stand with
    their values after `--`. Raises `ArgumentsError` naming every unknown or missing part.
    """
    found: dict[str, str] = {}
    faults: list[str] = []
    words = list(args)
    while words:
        word = words.pop(0)
        if word == "--":
            continue
        name, equals, value = word.partition("=")
        field = _OPTIONS.get(name) or (_LOCATORS.get(name) if not equals else None)
        if field is None:
            faults.append(f"unknown argument {word!r}")
        elif equals:
            found[field] = value
        elif words:
            found[field] = words.pop(0)
        else:
            faults.append(f"{name} has no value")
    spelled = {field: name for name, field in (*_OPTIONS.items(), *_LOCATORS.items())}
    faults += [f"{spelled[field]} is missing" for field in _REQUIRED if not found.get(field)]
    if faults:
        raise ArgumentsError("; ".join(faults))
    if found.get("previous_checkpoint_prefix") == '""':  # Flyte's way to render "none" into a command
        found["previous_checkpoint_prefix"] = ""
    return Invocation(**found)
