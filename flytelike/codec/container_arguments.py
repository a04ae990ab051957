"""How the executor tells a worker to run a plain container's program: as the arguments of the attempt."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

CONTAINER_PROGRAM = "flytelike-container"
"""The first argument of such an attempt; there is no program of this name."""


@dataclass(frozen=True, slots=True)
class ContainerInvocation:
    """One attempt of a plain container.

    `task_uri` is where the task's template lies. `input_mark` and `output_mark` stand in the command for the folders of
    inputs and outputs, which the worker makes.
    """

    task_uri: str
    inputs_uri: str
    output_prefix: str
    raw_output_prefix: str
    input_mark: str
    output_mark: str
    command: tuple[str, ...]


def container_arguments(invocation: ContainerInvocation) -> tuple[str, ...]:
    """Return the arguments that `container_invocation` reads."""
    *words, command = astuple(invocation)
    return (CONTAINER_PROGRAM, *words, *command)


def container_invocation(args: Sequence[str]) -> ContainerInvocation | None:
    """Return what the arguments ask for; None when they are of another kind."""
    if not args or args[0] != CONTAINER_PROGRAM:
        return None
    _, task, inputs, output_prefix, raw_output_prefix, input_mark, output_mark, *command = args
    return ContainerInvocation(task, inputs, output_prefix, raw_output_prefix, input_mark, output_mark, tuple(command))
