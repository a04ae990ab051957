"""The ports that an engine is connected to, but for the executor, which itself needs the engine."""

from dataclasses import dataclass

from propeller.ports import Blobs, Children, Clock, Closures, EventSink, StateStore


@dataclass(frozen=True, slots=True)
class Ports:
    """What the engine meets the world through."""

    store: StateStore
    blobs: Blobs
    sink: EventSink
    children: Children
    closures: Closures
    clock: Clock
