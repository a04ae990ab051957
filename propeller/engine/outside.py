"""The ports that an engine is connected to, but for the executor, which itself needs the engine."""

from dataclasses import dataclass, field

from propeller.ports import Blobs, Children, Clock, Closures, EventSink, StateStore
from propeller.ports_catalog import Catalog, NoCatalog
from propeller.ports_signals import NoSignals, Signals


@dataclass(frozen=True, slots=True)
class Ports:
    """What the engine meets the world through."""

    store: StateStore
    blobs: Blobs
    sink: EventSink
    children: Children
    closures: Closures
    clock: Clock
    signals: Signals = field(default_factory=NoSignals)
    catalog: Catalog = field(default_factory=NoCatalog)
