"""What can be chosen about an engine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Where executions keep their data, and how patient the engine is.

    `metadata_prefix` is the uri below which inputs and outputs of nodes lie,
    `raw_output_prefix` the one for data that tasks write when the launch request names none.
    """

    metadata_prefix: str
    raw_output_prefix: str
    inline_outputs_bytes_max: int = 64 * 1024
    failures_max: int = 5
    backoff_ns: int = 200_000_000
    outputs_cached: int = 8192
