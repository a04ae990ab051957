"""What Prometheus is told of an operator: read when it asks, so that nothing is counted on the executions' way."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import GC_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

if TYPE_CHECKING:
    from propeller.app.shard import Shard


def operator_metrics(ready: Callable[[], bool], shards: Callable[[], "Iterable[Shard]"]) -> CollectorRegistry:
    """Return the metrics of an operator with those shards."""
    registry = CollectorRegistry()
    registry.register(PROCESS_COLLECTOR)
    registry.register(GC_COLLECTOR)
    registry.register(_OperatorCollector(ready, shards))
    return registry


class _OperatorCollector(Collector):
    def __init__(self, ready: Callable[[], bool], shards: "Callable[[], Iterable[Shard]]") -> None:
        self._ready = ready
        self._shards = shards

    @override
    def collect(self) -> Iterable[Metric]:
        shards = list(self._shards())
        troubles: Counter[str] = Counter()
        for shard in shards:
            for trouble in shard.engine.troubles:
                troubles[trouble.code] += max(1, len(trouble.executions))
        yield _gauge("propeller_ready", "Whether the operator is ready.", self._ready())
        yield _gauge("propeller_shards", "How many shards this replica runs.", len(shards))
        executions = sum(shard.engine.executions for shard in shards)
        yield _gauge("propeller_executions", "Executions of its shards that are held in memory.", executions)
        waiting = sum(shard.engine.history_waiting for shard in shards)
        yield _gauge("propeller_history_waiting", "Records of history that the control plane has not taken.", waiting)
        held = GaugeMetricFamily("propeller_held_up", "Executions that wait for the platform.", labels=["code"])
        for code, count in sorted(troubles.items()):
            held.add_metric([code], count)
        yield held


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))
