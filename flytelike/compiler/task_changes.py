"""Whether a task still does what it did: what counts is what may change its results. Pure.

Retries, timeouts, resources, caching and the like do not count.
"""

from collections.abc import Iterator, Mapping

from flytelike.compiler.changes import code_of, input_changes, output_changes, without_code
from flytelike.model.graph import Container, TaskTemplate
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.recovery import Reason
from flytelike.model.types import LiteralType

NAMED_MAX = 3
"""How many changed functions are named."""


def task_changes(old: TaskTemplate, new: TaskTemplate) -> Iterator[tuple[Reason, str]]:
    """Yield what changed of a task, the interface first."""
    yield from interface_changes(old.interface, new.interface)
    if (old.type, old.custom, old.extra) != (new.type, new.custom, new.extra):
        yield Reason.CODE, "its type or settings changed"
    if old.config != new.config:
        yield Reason.CODE, "its configuration changed"
    yield from container_changes(old, new)


def interface_changes(old: TypedInterface, new: TypedInterface) -> Iterator[tuple[Reason, str]]:
    """Yield how inputs and outputs differ, in their types."""
    if types(old.inputs) != types(new.inputs):
        yield Reason.INTERFACE, "; ".join(text for _, text, _ in input_changes(old.inputs, new.inputs))
    if types(old.outputs) != types(new.outputs):
        yield Reason.INTERFACE, "; ".join(text for _, text, _ in output_changes(old.outputs, new.outputs))


def types(variables: Mapping[str, Variable]) -> dict[str, LiteralType]:
    """Return the types alone."""
    return {name: variable.type for name, variable in variables.items()}


def container_changes(old: TaskTemplate, new: TaskTemplate) -> Iterator[tuple[Reason, str]]:
    """Yield what changed in the code a task runs, and in what it runs in."""
    one, other = old.container, new.container
    if one is None or other is None:
        if one is not other:
            yield Reason.CODE, "it runs in another way"
        return
    if old.code and new.code:
        if old.code != new.code:
            yield Reason.CODE, f"its code changed: {changed_parts(old.code, new.code)}"
    elif code_of(one.args) != code_of(other.args):
        yield Reason.CODE, "the project's code changed"
    yield from surroundings(one, other)


def changed_parts(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return the functions and constants that differ, gone and new ones too."""
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    rest = len(names) - NAMED_MAX
    told = ", ".join(f"`{name}`" for name in names[:NAMED_MAX])
    return f"{told} and {rest} more" if rest > 0 else told


def surroundings(old: Container, new: Container) -> Iterator[tuple[Reason, str]]:
    """Yield what changed around the code."""
    if old.image != new.image:
        yield Reason.CODE, f"its image changed: {old.image} → {new.image}"
    if (old.command, without_code(old.args)) != (new.command, without_code(new.args)):
        yield Reason.CODE, "its command changed"
    names = sorted(name for name in old.env.keys() | new.env.keys() if old.env.get(name) != new.env.get(name))
    if names:
        yield Reason.CODE, f"its environment changed: {', '.join(names)}"
    if old.config != new.config:
        yield Reason.CODE, "its container's configuration changed"
