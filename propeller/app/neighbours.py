"""The control plane that an operator works for, as its engines meet it; or what stands in the place of none."""

from dataclasses import dataclass, field

from propeller.app.alone import NoChildren, NoHistory
from propeller.ports import Children, Closures, EventSink
from propeller.ports_allocation import QuotaReports, QuotaSource
from propeller.ports_catalog import Catalog, NoCatalog
from propeller.ports_signals import NoSignals, Signals


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Who takes history, starts children, compiles graphs, keeps signals and cached results.

    Without `closures`, those that lie in the object store are read, and none are compiled. Without `quotas`, nothing is
    bounded; without `reports`, nobody hears what is granted.
    """

    sink: EventSink = field(default_factory=NoHistory)
    children: Children = field(default_factory=NoChildren)
    closures: Closures | None = None
    signals: Signals = field(default_factory=NoSignals)
    catalog: Catalog = field(default_factory=NoCatalog)
    quotas: QuotaSource | None = None
    reports: QuotaReports | None = None
