"""How an attempt is to be run: by a warm worker, or as a program of its own."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from flytelike.codec.tasks import task_template_to_proto
from flytelike.model.failure import Failure, Fault
from flytelike.model.literals import Literal
from flytelike.model.policies import ResourceName
from propeller.executors.process.environment import environment_of
from propeller.executors.process.images import ImageEnvironment, environment_for
from propeller.executors.process.outcome import BAD_TASK
from propeller.executors.process.quantity import bytes_of
from propeller.executors.process.templates import TemplateError, names_in, render
from propeller.executors.process.worker import WorkerKey
from propeller.ports import AttemptKey, AttemptSpec

OURS = "flytelike-execute"
_FAST = "pyflyte-fast-execute"
_FAST_FOLDERS = frozenset({"--dest-dir", "--dynamic-dest-dir"})
_ENTRYPOINT = (sys.executable, "-P", "-m", "flytelike.runtime.entrypoint")


@dataclass(frozen=True, slots=True)
class WarmPlan:
    """Give the arguments to a warm worker with this key."""

    key: WorkerKey
    args: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """Run a program.

    `marked` tells that its documents need the mark of a whole attempt; `image` is the environment
    whose programs come first, None for the platform's own.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    marked: bool
    image: ImageEnvironment | None = None


Plan: TypeAlias = WarmPlan | ProgramPlan


def needs_inputs(spec: AttemptSpec) -> bool:
    """Tell whether the command shows values of inputs, which must be read to render it."""
    return any(name.startswith("inputs.") for name in names_in(_words(spec)))


def shows_attempt(spec: AttemptSpec) -> bool:
    """Tell whether the command shows what differs from one element of an array to the next, but for its places."""
    own = {"perretryuniquekey", "tasktemplatepath"}
    return any(name in own or name.startswith("inputs.") for name in names_in(_words(spec)))


def uses_task_template(spec: AttemptSpec) -> bool:
    """Tell whether the command wants the task's template as a file."""
    return "tasktemplatepath" in names_in(_words(spec))


def task_document(spec: AttemptSpec) -> bytes:
    """Return the task's template as its file holds it."""
    return task_template_to_proto(spec.task).SerializeToString(deterministic=True)


def plan_of(
    spec: AttemptSpec, inputs: Mapping[str, Literal], images: Iterable[ImageEnvironment] = ()
) -> Plan | Failure:
    """Return how to run the attempt, or why it cannot be run.

    Args:
        spec: The attempt.
        inputs: The values its command shows.
        images: Which images stand for an environment of their own.
    """
    words = _words(spec)
    if not words:
        return bad_task(
            f"task {spec.task.id} has no command; a task of type {spec.task.type!r} cannot run as a process"
        )
    try:
        rendered = render(words, lambda name: _variable(name, spec), inputs.get)
    except TemplateError as error:
        return bad_task(str(error))
    if "\0" in "".join(rendered):
        return bad_task("an argument holds a NUL character")
    environment = environment_of(spec)
    program = PurePosixPath(rendered[0]).name
    image = environment_for(_image(spec), images)
    env = {**environment.own, **dict(environment.worker)}
    if program != OURS:
        argv = _in_own_folder(rendered) if program == _FAST else rendered
        return ProgramPlan(argv, env, marked=True, image=image)
    if image is not None:
        return ProgramPlan((OURS, *rendered[1:]), env, marked=False, image=image)
    if environment.fresh:
        return ProgramPlan((*_ENTRYPOINT, *rendered[1:]), env, marked=False)
    task = spec.task.id
    key = WorkerKey(task.project, task.domain, _code(rendered), environment.worker)
    return WarmPlan(key, rendered, environment.own)


def missing_program(spec: AttemptSpec, plan: Plan | None) -> str:
    """Return what to do when the attempt's program is not there."""
    image = plan.image if isinstance(plan, ProgramPlan) else None
    if image is not None:
        return f"The image stands for the virtual environment {image.folder}: install the program there."
    return (
        "Install the program beside the platform, or name a virtual environment that has it: "
        f"flytelike up --image '{_image(spec) or 'IMAGE'}=FOLDER'."
    )


def memory_limit(spec: AttemptSpec) -> int | Failure:
    """Return the memory the attempt may use, in bytes; 0 for no limit."""
    container = spec.task.container
    quantity = container.resources.limits.get(ResourceName.MEMORY, "") if container is not None else ""
    if not quantity:
        return 0
    try:
        return bytes_of(quantity)
    except ValueError as error:
        return bad_task(str(error))


def bad_task(message: str) -> Failure:
    """Return the failure of a task that no retry makes runnable."""
    return Failure(BAD_TASK, message, Fault.USER, retryable=False)


def _words(spec: AttemptSpec) -> tuple[str, ...]:
    container = spec.task.container
    return (*container.command, *container.args) if container is not None else ()


def _image(spec: AttemptSpec) -> str:
    return spec.task.container.image if spec.task.container is not None else ""


def _variable(name: str, spec: AttemptSpec) -> str | None:
    match name:
        case "input":
            return spec.inputs_uri
        case "inputprefix":
            return spec.inputs_uri.rpartition("/")[0]
        case "outputprefix":
            return spec.output_prefix
        case "rawoutputdataprefix":
            return spec.raw_output_prefix
        case "checkpointoutputprefix":
            return spec.checkpoint_prefix
        case "prevcheckpointprefix":
            return spec.previous_checkpoint_prefix or '""'
        case "perretryuniquekey":
            return unique_key(spec.key)
        case "tasktemplatepath":
            return f"{spec.output_prefix}/task.pb"
        case "namespace":
            return f"{spec.key.execution.project}-{spec.key.execution.domain}"
        case _:
            return None


def unique_key(key: AttemptKey) -> str:
    """Return a name for the attempt that holds only letters, digits and underscores."""
    name = f"{key.execution.name}_{key.path}_{key.attempt}"
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)


def _code(args: tuple[str, ...]) -> str:
    for word, following in zip(args, (*args[1:], ""), strict=True):
        if word == "--code":
            return following
        if word.startswith("--code="):
            return word.partition("=")[2]
    return ""


def _in_own_folder(words: tuple[str, ...]) -> tuple[str, ...]:
    """Have a stock fast-registered task unpack where it runs, not into the container's `/root`."""
    return tuple("." if before in _FAST_FOLDERS else word for before, word in zip(("", *words), words, strict=False))
