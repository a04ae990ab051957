"""`flytelike-carry`: brings a plain container its inputs as files, and stores the files it leaves as outputs.

It runs in the pod of such a container, before and after it, as Flyte's co-pilot does. What went wrong is written to
`error.pb`. Exits 0 when the pod is to go on, 1 when its program has nothing to do, 2 for a wrong command line, 75
(sysexits' EX_TEMPFAIL) when nothing could be written, since the object store is away.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from flytelike.codec.failures import failure_to_document
from flytelike.model.failure import Failure
from flytelike.runtime.container import collected_outputs, provide_inputs, read_task
from flytelike.runtime.entrypoint import NOT_STORED, STORE_RETRY_S
from flytelike.runtime.failures import INPUTS_NOT_FOUND, AttemptError, of_runtime, system_error
from flytelike.storage import NotFound, StorageError, Store, StoreConfig

PROGRAM = "flytelike-carry"


def main(argv: Sequence[str] | None = None) -> int:
    """Do what `argv` says (default: the process's arguments); return the exit code."""
    asked = _parser().parse_args(sys.argv[1:] if argv is None else list(argv))
    store = Store(StoreConfig.from_env(durable=True, retry_s=STORE_RETRY_S))
    work: Callable[[argparse.Namespace, Store], None] = asked.work
    try:
        work(asked, store)
    except AttemptError as error:
        failure = error.failure
    except Exception as error:  # noqa: BLE001 - the boundary: whatever is wrong becomes the attempt's failure
        failure = of_runtime(error)
    else:
        return 0
    sys.stderr.write(f"{failure.message}\n")
    if not _told(failure, asked.output_prefix, store):
        return NOT_STORED
    return 0 if asked.work is _store else 1


def _fetch(asked: argparse.Namespace, store: Store) -> None:
    task = read_task(asked.task, store)
    try:
        document = store.get(asked.inputs)
    except NotFound:
        raise system_error(INPUTS_NOT_FOUND, f"there are no inputs at {asked.inputs}") from None
    provide_inputs(task, document, asked.folder, store)


def _store(asked: argparse.Namespace, store: Store) -> None:
    document = collected_outputs(read_task(asked.task, store), asked.folder, asked.raw_output_prefix, store)
    store.put(f"{asked.output_prefix.rstrip('/')}/outputs.pb", document)


def _told(failure: Failure, prefix: str, store: Store) -> bool:
    """Write down why the attempt failed, and tell whether that could be done."""
    message = failure_to_document(failure)
    message.error.timestamp.GetCurrentTime()
    with contextlib.suppress(OSError, StorageError):
        store.put(f"{prefix.rstrip('/')}/error.pb", message.SerializeToString(deterministic=True))
        return True
    return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Carry a plain container's files.", allow_abbrev=False)
    commands = parser.add_subparsers(required=True)
    for name, work, text in (
        ("fetch", _fetch, "write the inputs to files"),
        ("store", _store, "store files as outputs"),
    ):
        command = commands.add_parser(name, help=text, allow_abbrev=False)
        command.set_defaults(work=work)
        command.add_argument("--task", required=True, help="uri of the task's template")
        command.add_argument("--output-prefix", required=True, help="uri below which documents are written")
        command.add_argument("--folder", required=True, type=Path, help="the folder of the files")
        if name == "fetch":
            command.add_argument("--inputs", required=True, help="uri of the inputs' document")
        else:
            command.add_argument("--raw-output-prefix", required=True, help="uri below which large data are stored")
    return parser


if __name__ == "__main__":
    sys.exit(main())
