"""What Prometheus is told of a control plane."""

from collections.abc import Iterable

from prometheus_client import GC_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from propeller.app.health import Health

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class PlaneMetrics:
    """The metrics of a replica; `observe` is told of each call that it answered."""

    def __init__(self, health: Health) -> None:
        """Begin at nothing."""
        self.registry = CollectorRegistry()
        self.registry.register(PROCESS_COLLECTOR)
        self.registry.register(GC_COLLECTOR)
        self.registry.register(_Ready(health))
        text = "Calls that were answered; streams when they end."
        self._calls = Counter("flytelike_calls", text, ["rpc", "status"], registry=self.registry)
        text = "How long calls took."
        self._seconds = Histogram("flytelike_call_seconds", text, ["rpc"], buckets=BUCKETS_S, registry=self.registry)

    def observe(self, rpc: str, status: str, seconds: float) -> None:
        """Count a call."""
        self._calls.labels(rpc, status).inc()
        self._seconds.labels(rpc).observe(seconds)


class _Ready(Collector):
    def __init__(self, health: Health) -> None:
        self._health = health

    @override
    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("flytelike_ready", "Whether the replica is ready.", value=float(self._health.ready))
