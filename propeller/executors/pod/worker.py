"""One pod that is kept, as the executor sees it."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from flytelike.codec.pod_orders import At, BatchOrder, Begun, Ended, Mark, OrderError, Used, order_from_json
from flytelike.model.usage import use_told
from propeller.executors.pod.attempt import PodAttempt, slim
from propeller.executors.pod.labels import key_of_pod
from propeller.executors.pod.reuse import IDLE, ORDER, WORKER
from propeller.executors.pod.settings import Json
from propeller.kube.watch import ObjectKey
from propeller.ports import AttemptKey

_MARKS_MAX = 256
"""How many orders are remembered; one that is asked for again is among the last."""


@dataclass(slots=True, eq=False)
class Worker:
    """What is known of a worker.

    `mark` is that of the order in its mailbox, `batch` its elements if it is of some. `reserved` tells that it is to
    get another one. `leaving` tells that it gets none any more. `ended_s` is when the last order ended, and a copy of
    the next one may be left at `next_uri`. `attempts` are those whose output is wanted, by their marks.
    """

    place: ObjectKey
    kind: str
    idle_s: float = 0.0
    pod: Json | None = None
    version: str = ""
    mark: str = ""
    next_uri: str = ""
    batch: BatchOrder | None = None
    ended_s: float = 0.0
    gone: bool = False
    reserved: bool = False
    leaving: bool = False
    attempts: dict[str, PodAttempt] = field(default_factory=dict)
    begun: OrderedDict[str, Begun] = field(default_factory=OrderedDict)
    ended: OrderedDict[str, Ended] = field(default_factory=OrderedDict)
    posting: asyncio.Task[None] | None = None
    log: asyncio.Task[None] | None = None
    read: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while its log is known as far as the log goes, once it has ended."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.TimerHandle | None = None

    @property
    def free(self) -> bool:
        """Whether it can be given an order."""
        return self.pod is not None and not (self.reserved or self.leaving or self.gone or self.works)

    @property
    def works(self) -> bool:
        """Whether the last order is not known to have ended."""
        return bool(self.mark) and self.mark not in self.ended

    @property
    def counts(self) -> bool:
        """Whether it is one of those that may be kept."""
        return not (self.leaving or self.gone)

    @property
    def key(self) -> AttemptKey | None:
        """Whose order it was given last."""
        return None if self.pod is None else key_of_pod(self.pod)

    def older(self, pod: Json) -> bool:
        """Tell whether a version of its pod is older than the one that is known, or of another pod of its name."""
        if self.pod is None:
            return False
        metadata = pod["metadata"]
        return metadata["uid"] != self.pod["metadata"]["uid"] or int(metadata["resourceVersion"]) < int(self.version)

    def see(self, pod: Json) -> None:
        """Take in a version of its pod."""
        self.pod = slim(pod)
        self.version = str(pod["metadata"]["resourceVersion"])
        annotations = pod["metadata"].get("annotations") or {}
        try:
            order = order_from_json(annotations[ORDER])
        except (KeyError, OrderError):
            self.mark, self.next_uri, self.batch = "", "", None
        else:
            self.mark, self.next_uri, self.batch = order.mark, order.next_uri, order.batch
        self.idle_s = float(annotations.get(IDLE) or 0)
        self.stir()

    def lose(self) -> None:
        """Take in that its pod is gone."""
        self.gone = True
        self.over.set()
        self.stir()

    def hear(self, mark: Mark) -> None:
        """Take in a mark of its log."""
        match mark:
            case Begun():
                self.begun[mark.mark] = mark
            case At():
                attempt = self.attempts.get(mark.mark)
                if attempt is not None:
                    attempt.at_fault = mark.place
            case Used():
                attempt = self.attempts.get(mark.mark)
                if attempt is not None:
                    attempt.used = use_told(mark.memory_peak_bytes, mark.processor_ns)
            case Ended():
                self.ended[mark.mark] = mark
        for marks in (self.begun, self.ended):
            while len(marks) > _MARKS_MAX:
                marks.popitem(last=False)
        self.stir()

    def stir(self) -> None:
        """Tell its attempts that something has changed."""
        for attempt in self.attempts.values():
            attempt.stir()


def kind_of_pod(pod: Json) -> str:
    """Return the kind of a worker's pod; nothing for other pods."""
    return str(((pod.get("metadata") or {}).get("labels") or {}).get(WORKER, ""))
