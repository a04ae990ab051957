"""One attempt: from its arguments to `outputs.pb` or `error.pb`."""

import contextlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from flytelike.codec.failures import failure_to_document
from flytelike.current import Checkpoint, Secrets, TaskContext, entered
from flytelike.model.exceptions import IgnoreOutputs
from flytelike.model.failure import Failure
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.runtime.arguments import Invocation
from flytelike.runtime.code import code_folder
from flytelike.runtime.contract import RunnableTask
from flytelike.runtime.failures import INPUTS_NOT_FOUND, AttemptError, of_runtime, of_task, system_error
from flytelike.runtime.loading import load_task
from flytelike.runtime.values import decode_inputs, encode_outputs
from flytelike.storage import NotFound, StorageError, Store
from flytelike.types.context import ValueContext

OUTPUTS = "outputs.pb"
ERROR = "error.pb"


class Runner:
    """Runs attempts in this process, one after another; remembers what it has loaded.

    Args:
        store: Where inputs are read and outputs written.
        scratch: A folder for what values need on this machine while the task runs.
        durable_documents: Whether `outputs.pb` and `error.pb` shall survive a power cut.
    """

    def __init__(self, store: Store, scratch: Path, *, durable_documents: bool = True) -> None:
        self._store = store
        self._durable_documents = durable_documents
        self._scratch = scratch
        self._tasks: dict[tuple[str, str, str], RunnableTask] = {}

    def run(
        self,
        invocation: Invocation,
        env: Mapping[str, str],
        enter: Callable[[str], None] = lambda _: None,
        imported: Callable[[], None] = lambda: None,
    ) -> Failure | None:
        """Run one attempt and store its documents; return its failure, or None.

        Args:
            invocation: What to run.
            env: The attempt's environment; tells where code bundles lie.
            enter: Told the code's folder (or an empty text) before the author's module is
                imported, to prepare the working directory.
            imported: Told after the author's module was imported for the first time.
        """
        try:
            self._run(invocation, env, enter, imported)
        except AttemptError as error:
            failure = error.failure
        except Exception as error:  # noqa: BLE001 - the boundary: whatever is wrong becomes the attempt's failure
            failure = of_runtime(error)
        else:
            return None
        self._tell(invocation, failure)
        return failure

    def run_given(
        self,
        invocation: Invocation,
        env: Mapping[str, str],
        document: bytes,
        enter: Callable[[str], None] = lambda _: None,
        imported: Callable[[], None] = lambda: None,
    ) -> Failure | bytes | None:
        """Run one attempt whose inputs are at hand; return its failure, or the document of its outputs.

        Nothing is stored, and None means that there are no outputs. See `run`.
        """
        try:
            code_root = code_folder(invocation.code, env, self._store) if invocation.code else ""
            enter(code_root)
            task = self._load(invocation, code_root, imported)
            return self._outputs(task, document, invocation, env, code_root)
        except AttemptError as error:
            return error.failure
        except Exception as error:  # noqa: BLE001 - the boundary, as in `run`
            return of_runtime(error)

    def store(self, invocation: Invocation, name: str, document: bytes) -> Failure | None:
        """Store a document of an attempt; return why that failed."""
        try:
            self._put(invocation, name, document)
        except Exception as error:  # noqa: BLE001 - the boundary, as in `run`
            return of_runtime(error)
        return None

    def _run(
        self,
        invocation: Invocation,
        env: Mapping[str, str],
        enter: Callable[[str], None],
        imported: Callable[[], None],
    ) -> None:
        code_root = code_folder(invocation.code, env, self._store) if invocation.code else ""
        enter(code_root)
        task = self._load(invocation, code_root, imported)
        try:
            document = self._store.get(invocation.inputs_uri)
        except NotFound:
            raise system_error(INPUTS_NOT_FOUND, f"there are no inputs at {invocation.inputs_uri}") from None
        outputs = self._outputs(task, document, invocation, env, code_root)
        if outputs is not None:
            self._put(invocation, OUTPUTS, outputs)

    def _outputs(
        self, task: RunnableTask, document: bytes, invocation: Invocation, env: Mapping[str, str], code_root: str
    ) -> bytes | None:
        """Call the task; return the document of its outputs, None if the author gives none this time."""
        context = ValueContext(store=self._store, raw_prefix=invocation.raw_output_prefix, local_dir=self._scratch)
        inputs = decode_inputs(document, task, context)
        try:
            with entered(context_of(invocation, env, self._store, self._scratch)):
                result = _call(task, inputs, code_root)
        except IgnoreOutputs:
            return None
        return encode_outputs(result, task, context)

    def _load(self, invocation: Invocation, code_root: str, imported: Callable[[], None]) -> RunnableTask:
        key = (code_root, invocation.module, invocation.task)
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = load_task(invocation.module, invocation.task, code_root)
            imported()
        return task

    def _tell(self, invocation: Invocation, failure: Failure) -> None:
        message = failure_to_document(failure)
        message.error.timestamp.GetCurrentTime()
        # Whoever waits also learns the failure from this process; the document is for later readers.
        with contextlib.suppress(OSError, StorageError):
            self._put(invocation, ERROR, message.SerializeToString(deterministic=True))

    def _put(self, invocation: Invocation, name: str, document: bytes) -> None:
        uri = f"{invocation.output_prefix.rstrip('/')}/{name}"
        self._store.put(uri, document, durable=self._durable_documents)


def context_of(invocation: Invocation, env: Mapping[str, str], store: Store, scratch: Path) -> TaskContext:
    """Return what a task can learn of its attempt; the names come from the variables of Flyte's task contract."""

    def told(name: str) -> str:
        return env.get(f"FLYTE_INTERNAL_{name}", "")

    execution = ExecutionId(told("EXECUTION_PROJECT"), told("EXECUTION_DOMAIN"), told("EXECUTION_ID"))
    names = (told(f"TASK_{part}") for part in ("PROJECT", "DOMAIN", "NAME", "VERSION"))
    attempt = env.get("FLYTE_ATTEMPT_NUMBER", "")
    return TaskContext(
        execution_id=execution,
        task_id=Identifier(ResourceKind.TASK, *names),
        attempt=int(attempt) if attempt.isdigit() else 0,
        execution_date=datetime.now(UTC),
        working_directory=scratch,
        raw_output_prefix=invocation.raw_output_prefix,
        checkpoint=Checkpoint(store, invocation.checkpoint_prefix, invocation.previous_checkpoint_prefix),
        secrets=Secrets(env),
    )


def _call(task: RunnableTask, inputs: Mapping[str, object], code_root: str) -> object:
    process = os.getpid()
    try:
        result = task.function(**inputs)
    except IgnoreOutputs:
        raise
    except BaseException as error:
        if os.getpid() != process:
            os._exit(1)
        raise AttemptError(of_task(error, code_root)) from error
    if os.getpid() != process:
        os._exit(0)  # a child that the task forked came back here: the outputs are its parent's to write
    return result
