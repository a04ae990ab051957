"""The warm worker: runs one attempt after another, each as if in a process of its own.

It is forked by the zygote, obeys `Run` frames on its control socket and answers each with
`Done`. What the author's code prints goes to the output pipe, which is file descriptors 1 and 2.
The worker ends when the socket closes; the kernel ends it when the zygote dies.
"""

import faulthandler
import os
import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from flytelike.codec.container_arguments import container_invocation
from flytelike.codec.worker_frames import (
    INLINE_BYTES_MAX,
    Done,
    ElementDone,
    ElementsDone,
    Frame,
    FrameReader,
    Run,
    RunElements,
    encode,
)
from flytelike.runtime.arguments import ArgumentsError, Invocation, parse
from flytelike.runtime.attempt import Ended, Runner
from flytelike.runtime.elements import LAST_CODES, ElementRunner, StoredResults
from flytelike.runtime.failures import ARGUMENTS, of_runtime, user_error
from flytelike.runtime.hygiene import Environment, Standards, WorkingFolder
from flytelike.runtime.measuring import Begun, begin, used_since
from flytelike.runtime.process import rss_bytes
from flytelike.runtime.source_trace import forget_sources
from flytelike.storage import StorageError, Store, StoreConfig
from flytelike.storage.config import RETRY_S

DURABLE = "FLYTELIKE_DURABLE"
DURABLE_DOCUMENTS = "FLYTELIKE_DURABLE_DOCUMENTS"
SMALL_OUTPUTS_TOLD = "FLYTELIKE_SMALL_OUTPUTS_TOLD"
STORE_RETRY = "FLYTELIKE_STORE_RETRY_S"
"""How many seconds an object store that is away is waited for."""


def serve(control: socket.socket, scratch: str, env: Mapping[str, str]) -> NoReturn:
    """Run attempts until the control socket closes.

    Args:
        control: Speaks `flytelike.codec.worker_frames`; blocking.
        scratch: This worker's own folder.
        env: Added to the environment before anything of the author's is loaded.
    """
    status = 1
    try:
        os.environ.update(env)
        os.environ["TMPDIR"] = f"{scratch}/tmp"  # noqa: S108 - below the worker's own folder
        faulthandler.enable(2)  # a crash in a library then shows the author's line in the attempt's output
        _Worker(control, Path(scratch)).serve()
        status = 0
    except ConnectionError:
        status = 0  # the platform is gone
    except BaseException:  # noqa: BLE001 - the end of the process: its output is the only place left to tell
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(status)


class _Worker:
    def __init__(self, control: socket.socket, scratch: Path) -> None:
        self._control = control
        self._reader = FrameReader()
        self._environment = Environment()
        self._folder = WorkingFolder(scratch)
        self._standards = Standards()
        retry_s = float(os.environ.get(STORE_RETRY) or RETRY_S)
        store = Store(StoreConfig.from_env(durable=os.environ.get(DURABLE) == "1", retry_s=retry_s))
        durable_documents = os.environ.get(DURABLE_DOCUMENTS) == "1"
        told_bytes = INLINE_BYTES_MAX if os.environ.get(SMALL_OUTPUTS_TOLD) == "1" else -1
        self._store = store
        self._runner = Runner(store, self._folder.temporary, durable_documents=durable_documents, told_bytes=told_bytes)
        parts = (self._environment, self._folder, self._standards)
        self._elements = ElementRunner(self._runner, store, scratch, parts)

    def serve(self) -> None:
        while True:
            try:
                data = self._control.recv(65536)
            except KeyboardInterrupt:
                continue  # meant for a task, and there is none now
            if not data:
                return
            for frame in self._reader.feed(data):
                if isinstance(frame, Run):
                    self._obey(frame)
                elif isinstance(frame, RunElements):
                    self._obey_elements(frame)

    def _obey(self, run: Run) -> None:
        begun = begin()
        self._environment.enter(run.env)
        sys.argv = list(run.args)
        ended = self._attempt(run)
        failure = ended.failure
        self._standards.restore()
        remains = self._standards.remains()
        if failure is not None:
            forget_sources()
            remains = remains or (failure.code if failure.code in LAST_CODES else "")
        outputs = ended.outputs if ended.outputs and len(ended.outputs) <= INLINE_BYTES_MAX else None
        done = Done(failure, rss_bytes(), remains, outputs, ended.gave_nodes, used_since(begun))
        self._control.sendall(encode(done))
        self._environment.leave()  # after the answer: nobody needs to wait for it

    def _obey_elements(self, order: RunElements) -> None:
        begun = begin()
        sys.argv = list(order.args)
        try:
            invocation = parse(order.args[1:])
        except ArgumentsError as error:
            failure = user_error(ARGUMENTS, f"the task's container arguments are wrong: {error}").failure
            self._tell(ElementsDone(tuple(ElementDone(*one, failure) for one in order.elements)))
            remains = ""
        else:
            if order.results_uri:
                self._obey_batch(order, invocation, begun)
                return
            remains = self._elements.run(order, invocation, self._tell)
        self._tell(Done(None, rss_bytes(), remains, used=used_since(begun)))

    def _obey_batch(self, order: RunElements, invocation: Invocation, begun: Begun) -> None:
        """Run elements and store how they end; if that cannot be stored, the answer says so."""
        stored = StoredResults(self._store, order.results_uri)
        failure, remains = None, ""
        try:
            remains = self._elements.run(order, invocation, stored.add)
            stored.put()
        except StorageError as error:
            failure = of_runtime(error)
        self._tell(Done(failure, rss_bytes(), remains, used=used_since(begun)))

    def _tell(self, frame: Frame) -> None:
        self._control.sendall(encode(frame))

    def _attempt(self, run: Run) -> Ended:
        container = container_invocation(run.args)
        if container is not None:
            self._folder.enter("")
            return self._runner.run_container(container, run.env, run.inputs)
        try:
            invocation = parse(run.args[1:])
        except ArgumentsError as error:
            return Ended(user_error(ARGUMENTS, f"the task's container arguments are wrong: {error}").failure)
        return self._runner.run(
            invocation,
            self._environment.whole,
            self._folder.enter,
            self._standards.note,
            inputs=run.inputs,
        )
