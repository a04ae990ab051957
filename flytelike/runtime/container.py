"""One attempt of a plain container's program: inputs to files, the program, outputs from files.

It does for a program of this machine what Flyte's co-pilot does beside a container: the program knows nothing of the
platform, reads its inputs from one folder and leaves its outputs in another.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from google.protobuf.message import DecodeError

from flytelike.codec.container_arguments import ContainerInvocation
from flytelike.codec.faults import MalformedError
from flytelike.codec.literals import literal_map_from_proto, literal_map_to_proto
from flytelike.codec.tasks import task_template_from_proto
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import DataFiles, DownloadMode, TaskTemplate, UploadMode
from flytelike.runtime.failures import (
    ARGUMENTS,
    INPUT_NOT_DECODABLE,
    INPUTS_NOT_FOUND,
    OUTPUT_MISMATCH,
    OUTPUTS_NOT_FOUND,
    AttemptError,
    system_error,
    user_error,
)
from flytelike.runtime.input_files import write_inputs
from flytelike.runtime.measuring import wait
from flytelike.runtime.output_files import read_outputs
from flytelike.runtime.source_trace import shortened
from flytelike.storage import NotFound, Store
from flytelike_idl.core import literals_pb2, tasks_pb2

ERROR_FILE = "_ERROR"
CONTAINER_ERROR = "USER:ContainerError"
NON_ZERO_EXIT = "NonZeroExit"
PROGRAM_NOT_FOUND = "ProgramNotFound"

_ERROR_BYTES_MAX = 1 << 20
_OF_PLATFORM = frozenset({"PYTHONHOME", "PYTHONPATH"})
_NOT_RUNNABLE = frozenset({2, 8, 13, 20})  # ENOENT, ENOEXEC, EACCES, ENOTDIR


def run_container(
    invocation: ContainerInvocation, document: bytes, own: Mapping[str, str], store: Store, scratch: Path
) -> bytes:
    """Run the program; return the document of its outputs.

    Args:
        invocation: What to run.
        document: The serialised inputs.
        own: The attempt's own part of the environment; the rest is this process's.
        store: Where inputs and outputs lie.
        scratch: An empty folder for the program's files.

    Raises:
        AttemptError: The program failed or left other outputs than the task declares.
    """
    task = read_task(invocation.task_uri, store)
    inputs, outputs = scratch / "inputs", scratch / "outputs"
    for folder in (inputs, outputs):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    provide_inputs(task, document, inputs, store)
    command = [
        word.replace(invocation.input_mark, str(inputs)).replace(invocation.output_mark, str(outputs))
        for word in invocation.command
    ]
    _run(command, {name: value for name, value in os.environ.items() if name not in _OF_PLATFORM - own.keys()})
    return collected_outputs(task, outputs, invocation.raw_output_prefix, store)


def provide_inputs(task: TaskTemplate, document: bytes, folder: Path, store: Store) -> None:
    """Write a task's inputs, as a serialised document has them, to files in a folder.

    Raises:
        AttemptError: They are not to be had, or cannot be files.
    """
    data = _data_of(task)
    if data.download is not DownloadMode.NONE:
        _provide(document, folder, data, store)


def collected_outputs(task: TaskTemplate, folder: Path, raw_output_prefix: str, store: Store) -> bytes:
    """Return the document of the outputs that a task's program left as files in a folder; large data are stored.

    Raises:
        AttemptError: The program says there that it failed, or left other outputs than the task declares.
    """
    data = _data_of(task)
    _raise_told(folder)
    declared = {} if data.upload is UploadMode.NONE else task.interface.outputs
    found, faults = read_outputs(
        {name: variable.type for name, variable in declared.items()}, folder, raw_output_prefix, store
    )
    if faults:
        code = OUTPUTS_NOT_FOUND if all(found.missing for found in faults) else OUTPUT_MISMATCH
        where = data.output_path or "its output folder"
        text = "; ".join(map(str, faults))
        raise user_error(code, f"{text}. The program must write each output to a file of its name below {where}.")
    return literal_map_to_proto(found).SerializeToString(deterministic=True)


def read_task(uri: str, store: Store) -> TaskTemplate:
    """Return the template of a task, which the platform has stored. Raises AttemptError."""
    try:
        return task_template_from_proto(tasks_pb2.TaskTemplate.FromString(store.get(uri)))
    except (NotFound, DecodeError, MalformedError) as error:
        raise system_error(ARGUMENTS, f"the task's template cannot be read: {error}") from error


def _data_of(task: TaskTemplate) -> DataFiles:
    return (task.container.data if task.container is not None else None) or DataFiles()


def _provide(document: bytes, folder: Path, data: DataFiles, store: Store) -> None:
    try:
        inputs = literal_map_from_proto(literals_pb2.LiteralMap.FromString(document))
    except (DecodeError, MalformedError) as error:
        raise user_error(INPUT_NOT_DECODABLE, f"the inputs' document is damaged: {error}") from error
    try:
        write_inputs(inputs, folder, data.format, store)
    except NotFound as error:
        raise user_error(INPUTS_NOT_FOUND, f"an input's data are not there: {error}") from error
    except ValueError as error:
        raise user_error(INPUT_NOT_DECODABLE, str(error)) from error


def _run(command: list[str], env: dict[str, str]) -> None:
    program = shutil.which(command[0], path=env.get("PATH"))
    try:
        if program is None:
            raise FileNotFoundError(2, "no such program on PATH", command[0])
        status = _ended(subprocess.Popen(command, executable=program, env=env))  # noqa: S603 - its command
    except OSError as error:
        if error.errno not in _NOT_RUNNABLE:
            raise
        raise user_error(PROGRAM_NOT_FOUND, f"{command[0]} cannot be run: {error}") from error
    if status:
        raise AttemptError(_exit_failure(status))


def _ended(process: "subprocess.Popen[bytes]") -> int:
    try:
        return wait(process)
    except BaseException:  # whatever stops this process stops its program, too
        process.kill()
        wait(process)
        raise


def _exit_failure(status: int) -> Failure:
    ended = f"was killed by signal {-status}" if status < 0 else f"ended with exit code {status}"
    return Failure(NON_ZERO_EXIT, f"The program {ended}.", Fault.USER, retryable=True)


def _raise_told(outputs: Path) -> None:
    """Raise what the program says of its failure, in the file that Flyte's co-pilot looks for."""
    try:
        with (outputs / ERROR_FILE).open("rb") as file:
            told = file.read(_ERROR_BYTES_MAX).decode(errors="replace").strip()
    except OSError:
        return
    message = shortened(told) or f"The program wrote an empty {ERROR_FILE}."
    raise AttemptError(Failure(CONTAINER_ERROR, message, Fault.USER, retryable=True))
