"""How an attempt is to be run: by a warm worker, or as a program of its own."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from secrets import token_hex
from typing import TypeAlias

from flytelike.codec.container_arguments import ContainerInvocation, container_arguments
from flytelike.codec.tasks import task_template_to_proto
from flytelike.model.failure import Failure
from flytelike.model.graph import DataFiles
from flytelike.model.literals import Literal
from flytelike.model.policies import ResourceName
from flytelike.model.quantity import bytes_of
from propeller.core.fairness import Amounts
from propeller.executors.asking import amounts_of
from propeller.executors.command import (
    OURS,
    bad_task,
    command_words,
    rendered,
    shows_inputs,
    shows_task_template,
)
from propeller.executors.process.environment import AttemptEnvironment, environment_of
from propeller.executors.process.images import ImageEnvironment, environment_for
from propeller.executors.process.settings import TASK_DEFAULTS
from propeller.executors.process.worker import WorkerKey
from propeller.executors.templates import TemplateError
from propeller.ports import AttemptSpec

_FAST = "pyflyte-fast-execute"
_FAST_FOLDERS = frozenset({"--dest-dir", "--dynamic-dest-dir"})
INPUT_PATH = "/var/flyte/inputs"
OUTPUT_PATH = "/var/flyte/outputs"
"""Where a plain container has its files if the task does not say (Flyte's defaults)."""
_MARKS = (f"<inputs-{token_hex(16)}>", f"<outputs-{token_hex(16)}>")
"""Stand for the two folders until a worker has made them. No value can name them: nobody knows them before."""
_ENTRYPOINT = (sys.executable, "-P", "-m", "flytelike.runtime.entrypoint")


@dataclass(frozen=True, slots=True)
class WarmPlan:
    """Give the arguments to a warm worker with this key."""

    key: WorkerKey
    args: tuple[str, ...]
    env: Mapping[str, str]
    inputs: bytes | None = None


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
    return shows_inputs(command_words(spec))


def uses_task_template(spec: AttemptSpec) -> bool:
    """Tell whether the attempt wants the task's template as a file."""
    return data_files(spec) is not None or shows_task_template(command_words(spec))


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
    words = _marked(spec)
    if not words:
        return bad_task(
            f"task {spec.task.id} has no command; a task of type {spec.task.type!r} cannot run as a process"
        )
    try:
        argv = rendered(words, spec, inputs)
    except TemplateError as error:
        return bad_task(str(error))
    if "\0" in "".join(argv):
        return bad_task("an argument holds a NUL character")
    environment = environment_of(spec)
    if data_files(spec) is not None:
        return _container_plan(spec, argv, environment, environment_for(_image(spec), images))
    program = PurePosixPath(argv[0]).name
    image = environment_for(_image(spec), images)
    env = {**environment.own, **dict(environment.worker)}
    if program != OURS:
        own = _in_own_folder(argv) if program == _FAST else argv
        return ProgramPlan(own, env, marked=True, image=image)
    if image is not None:
        return ProgramPlan((OURS, *argv[1:]), env, marked=False, image=image)
    if environment.fresh:
        return ProgramPlan((*_ENTRYPOINT, *argv[1:]), env, marked=False)
    task = spec.task.id
    key = WorkerKey(task.project, task.domain, _code(argv), environment.worker)
    return WarmPlan(key, argv, environment.own, spec.inputs)


def data_files(spec: AttemptSpec) -> DataFiles | None:
    """Return where a plain container has its inputs and outputs as files; None for a program of the task contract."""
    return spec.task.container.data if spec.task.container is not None else None


def _container_plan(
    spec: AttemptSpec, command: tuple[str, ...], environment: AttemptEnvironment, image: ImageEnvironment | None
) -> WarmPlan:
    """Have a warm worker see to the files of a program that knows nothing of the platform."""
    invocation = ContainerInvocation(
        f"{spec.output_prefix}/task.pb",
        spec.inputs_uri,
        spec.output_prefix,
        spec.raw_output_prefix,
        *_MARKS,
        command,
    )
    entered = {} if image is None else image.told(os.environ)
    env = {**entered, **environment.own, **dict(environment.worker)}
    key = WorkerKey(spec.task.id.project, spec.task.id.domain, "", ())
    return WarmPlan(key, container_arguments(invocation), env, spec.inputs)


def _marked(spec: AttemptSpec) -> tuple[str, ...]:
    """Return the command, with marks in place of the folders that a container would have its files in."""
    data, words = data_files(spec), command_words(spec)
    if data is None:
        return words
    folders = dict(zip((data.input_path or INPUT_PATH, data.output_path or OUTPUT_PATH), _MARKS, strict=True))
    longest_first = sorted((path.rstrip("/") for path in folders), key=len, reverse=True)
    marks = {path.rstrip("/"): mark for path, mark in folders.items()}
    found = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w.-])")
    return tuple(found.sub(lambda match: marks[match[0]], word) for word in words)


def missing_program(spec: AttemptSpec, plan: Plan | None) -> str:
    """Return what to do when the attempt's program is not there."""
    image = plan.image if isinstance(plan, ProgramPlan) else None
    if image is not None:
        return f"The image stands for the virtual environment {image.folder}: install the program there."
    return (
        "Install the program beside the platform, or name a virtual environment that has it: "
        f"flytelike up --image '{_image(spec) or 'IMAGE'}=FOLDER'."
    )


@dataclass(frozen=True, slots=True)
class Needs:
    """What an attempt asks for, and the memory it may use in bytes, 0 for no limit."""

    amounts: Amounts
    memory_bytes: int


def needs_of(spec: AttemptSpec, more: Amounts | None = None) -> Needs | Failure:
    """Return what an attempt needs, and `more` that every one of its kind does."""
    amounts = amounts_of(spec.task, {**TASK_DEFAULTS, **(more or {})})
    if isinstance(amounts, Failure):
        return amounts
    limit = _memory_limit(spec)
    return limit if isinstance(limit, Failure) else Needs(amounts, limit)


def _memory_limit(spec: AttemptSpec) -> int | Failure:
    container = spec.task.container
    quantity = container.resources.limits.get(ResourceName.MEMORY, "") if container is not None else ""
    if not quantity:
        return 0
    try:
        return bytes_of(quantity)
    except ValueError as error:
        return bad_task(str(error))


def _image(spec: AttemptSpec) -> str:
    return spec.task.container.image if spec.task.container is not None else ""


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
