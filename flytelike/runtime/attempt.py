"""One attempt: from its arguments to `outputs.pb` or `error.pb`."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flytelike.codec.container_arguments import ContainerInvocation
from flytelike.codec.dynamic_jobs import dynamic_job_to_proto
from flytelike.codec.failures import failure_to_document
from flytelike.current import Checkpoint, Secrets, TaskContext, entered
from flytelike.deck.fields import DeckField
from flytelike.model.dynamic_job import DynamicJob
from flytelike.model.exceptions import IgnoreOutputs
from flytelike.model.failure import Failure
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.runtime.arguments import Invocation
from flytelike.runtime.code import code_folder
from flytelike.runtime.container import run_container
from flytelike.runtime.contract import EagerTask, ExpandableTask, RunnableTask
from flytelike.runtime.discretion import without_secrets
from flytelike.runtime.expanding import BUILD_FAILED, expanded
from flytelike.runtime.failures import INPUTS_NOT_FOUND, AttemptError, of_runtime, of_task, system_error, user_error
from flytelike.runtime.loading import load_task
from flytelike.runtime.performing import performed
from flytelike.runtime.values import decode_inputs, encode_values, shaped
from flytelike.storage import NotFound, StorageError, Store
from flytelike.types.context import ValueContext

if TYPE_CHECKING:
    from flytelike.runtime.report import Report

OUTPUTS = "outputs.pb"
FUTURES = "futures.pb"
NOT_FOR_MAPS = "a dynamic task cannot be an element of a map: map a workflow that calls it"
ERROR = "error.pb"


EXECUTION_STARTED = "FLYTELIKE_EXECUTION_STARTED_NS"
"""The variable that tells when the execution began: nanoseconds since 1970."""


class _Loaded(NamedTuple):
    """A task, and how it gives what it gives."""

    task: RunnableTask
    give: "Callable[[_Work, Mapping[str, object], ValueContext], DynamicJob | Mapping[str, object]]"


class _Work(NamedTuple):
    """A task that is loaded, the document of its inputs, and what it can learn of its attempt."""

    invocation: Invocation
    loaded: _Loaded
    document: bytes
    told: TaskContext
    code_root: str
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended: with a failure, or well. `outputs` are serialised as they were stored.

    `gave_nodes` tells that it left nodes to run next instead. `stored` tells that who looks into the object store
    learns how it ended: a failure may be that the store is away.
    """

    failure: Failure | None
    outputs: bytes | None = None
    gave_nodes: bool = False
    stored: bool = True


class Runner:
    """Runs attempts in this process, one after another; remembers what it has loaded.

    Args:
        store: Where inputs are read and outputs written.
        scratch: A folder for what values need on this machine while the task runs.
        durable_documents: Whether `outputs.pb` and `error.pb` shall survive a power cut.
        told_bytes: Outputs up to this size are not stored: who runs this tells them. -1 to store all.
    """

    def __init__(self, store: Store, scratch: Path, *, durable_documents: bool = True, told_bytes: int = -1) -> None:
        self._store = store
        self._told_bytes = told_bytes
        self._durable_documents = durable_documents
        self._scratch = scratch
        self._tasks: dict[tuple[str, str, str], _Loaded] = {}

    def run(
        self,
        invocation: Invocation,
        env: Mapping[str, str],
        enter: Callable[[str], None] = lambda _: None,
        imported: Callable[[], None] = lambda: None,
        inputs: bytes | None = None,
    ) -> "Ended":
        """Run one attempt and store its documents.

        Args:
            invocation: What to run.
            env: The attempt's environment; tells where code bundles lie.
            enter: Told the code's folder (or an empty text) before the author's module is
                imported, to prepare the working directory.
            imported: Told after the author's module was imported for the first time.
            inputs: The serialised inputs; None to read them from the object store.
        """
        try:
            outputs = self._run(invocation, env, enter, imported, inputs)
            if isinstance(outputs, DynamicJob):
                self._put(invocation, FUTURES, dynamic_job_to_proto(outputs).SerializeToString(deterministic=True))
                return Ended(None, gave_nodes=True)
            if outputs is not None and len(outputs) > self._told_bytes:
                self._put(invocation, OUTPUTS, outputs)
        except AttemptError as error:
            failure = error.failure
        except Exception as error:  # noqa: BLE001 - the boundary: whatever is wrong becomes the attempt's failure
            failure = of_runtime(error)
        else:
            return Ended(None, outputs)
        return self._failed(invocation, failure, env)

    def run_container(
        self, invocation: ContainerInvocation, own: Mapping[str, str], inputs: bytes | None = None
    ) -> "Ended":
        """Run one attempt of a plain container; as `run`."""
        try:
            document = self._inputs(invocation.inputs_uri) if inputs is None else inputs
            outputs = run_container(invocation, document, own, self._store, self._scratch / "files")
            if len(outputs) > self._told_bytes:
                self._put(invocation, OUTPUTS, outputs)
        except AttemptError as error:
            failure = error.failure
        except Exception as error:  # noqa: BLE001 - as in `run`
            failure = of_runtime(error)
        else:
            return Ended(None, outputs)
        return self._failed(invocation, failure, own)

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
            given = self._run(invocation, env, enter, imported, document)
        except AttemptError as error:
            return without_secrets(error.failure, env)
        except Exception as error:  # noqa: BLE001 - the boundary, as in `run`
            return without_secrets(of_runtime(error), env)
        return user_error(BUILD_FAILED, NOT_FOR_MAPS).failure if isinstance(given, DynamicJob) else given

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
        document: bytes | None,
    ) -> DynamicJob | bytes | None:
        code_root = code_folder(invocation.code, env, self._store) if invocation.code else ""
        enter(code_root)
        loaded = self._load(invocation, code_root, imported)
        if document is None:
            document = self._inputs(invocation.inputs_uri)
        told = context_of(invocation, env, self._store, self._scratch)
        work = _Work(invocation, loaded, document, told, code_root, env)
        fields = loaded.task.report_fields()
        return self._produce(work) if fields is None else self._produce_and_report(work, fields)

    def _produce_and_report(self, work: "_Work", fields: Sequence[DeckField]) -> DynamicJob | bytes | None:
        """Do as `_produce`, and store a report however it ends."""
        # What a report is made with is loaded by those who ask for one only.
        from flytelike.runtime.report import DECK, Report  # noqa: PLC0415

        told = work.told

        def store(document: bytes) -> None:
            with contextlib.suppress(OSError, StorageError):  # the task matters more than its report
                self._put(work.invocation, DECK, document)

        report = Report(
            work.loaded.task,
            title=told.task_id.name or work.invocation.task,
            execution=told.execution_id,
            attempt=told.attempt,
            decks=told.decks,
            fields=fields,
            store=store,
        )
        try:
            outputs = self._produce(work._replace(told=replace(told, publish=report.publish)), report)
        except AttemptError as error:
            report.publish("failed", without_secrets(error.failure, work.env).message)
            raise
        report.publish("succeeded")
        return outputs

    def _produce(self, work: "_Work", report: "Report | None" = None) -> DynamicJob | bytes | None:
        task, give = work.loaded
        measuring = _unmeasured if report is None else report.measuring
        context = ValueContext(store=self._store, raw_prefix=work.invocation.raw_output_prefix, local_dir=self._scratch)
        with measuring("read the inputs"):
            inputs = decode_inputs(work.document, task, context)
        if report is not None:
            report.took(inputs)
        try:
            with entered(work.told), measuring("run the task"):
                given = give(work, inputs, context)
        except IgnoreOutputs:
            return None
        if isinstance(given, DynamicJob):
            return given
        with measuring("store the outputs"):
            outputs = encode_values(given, task, context)
        if report is not None:
            report.gave(given)
        return outputs

    def _inputs(self, uri: str) -> bytes:
        try:
            return self._store.get(uri)
        except NotFound:
            raise system_error(INPUTS_NOT_FOUND, f"there are no inputs at {uri}") from None

    def _load(self, invocation: Invocation, code_root: str, imported: Callable[[], None]) -> _Loaded:
        key = (code_root, invocation.module, invocation.task)
        loaded = self._tasks.get(key)
        if loaded is None:
            loaded = self._tasks[key] = _loaded(load_task(invocation.module, invocation.task, code_root))
            imported()
        return loaded

    def _failed(
        self, invocation: Invocation | ContainerInvocation, failure: Failure, env: Mapping[str, str]
    ) -> "Ended":
        shown = without_secrets(failure, env)
        return Ended(shown, stored=self._tell(invocation, shown))

    def _tell(self, invocation: Invocation | ContainerInvocation, failure: Failure) -> bool:
        """Leave the failure's document behind, if that can be done."""
        message = failure_to_document(failure)
        message.error.timestamp.GetCurrentTime()
        # Whoever waits also learns the failure from this process; the document is for later readers.
        try:
            self._put(invocation, ERROR, message.SerializeToString(deterministic=True))
        except (OSError, StorageError):
            return False
        return True

    def _put(self, invocation: Invocation | ContainerInvocation, name: str, document: bytes) -> None:
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
        execution_date=_instant(env.get(EXECUTION_STARTED, "")),
        working_directory=scratch,
        raw_output_prefix=invocation.raw_output_prefix,
        checkpoint=Checkpoint(store, invocation.checkpoint_prefix, invocation.previous_checkpoint_prefix),
        secrets=Secrets(env),
    )


def _instant(ns: str) -> datetime:
    """Return the instant told; now, if none is (another platform started the attempt)."""
    if not ns.isdigit():
        return datetime.now(UTC)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(ns) // 1000)


def _unmeasured(_what: str) -> contextlib.nullcontext[None]:
    return contextlib.nullcontext()


def _loaded(task: RunnableTask) -> _Loaded:
    """Return a task with how it gives its outputs by name, or nodes to run next."""
    if isinstance(task, ExpandableTask):
        return _Loaded(
            task,
            lambda work, inputs, context: expanded(
                task, inputs, work.told.task_id, context, work.invocation.code, work.code_root
            ),
        )
    if isinstance(task, EagerTask):
        return _Loaded(
            task,
            lambda work, inputs, context: shaped(performed(task, inputs, work.told, context, work.code_root), task),
        )
    return _Loaded(task, lambda work, inputs, _: shaped(_call(task, inputs, work.code_root), task))


def _call(task: RunnableTask, inputs: Mapping[str, object], code_root: str) -> object:
    process = os.getpid()
    try:
        result = task.call(inputs)
    except IgnoreOutputs:
        raise
    except BaseException as error:
        if os.getpid() != process:
            os._exit(1)
        raise AttemptError(of_task(error, code_root)) from error
    if os.getpid() != process:
        os._exit(0)  # a child that the task forked came back here: the outputs are its parent's to write
    return result
