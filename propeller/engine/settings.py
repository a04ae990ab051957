"""What can be chosen about an engine."""

from dataclasses import dataclass

from flytelike.codec.offloading import OFFLOAD_BYTES_MIN, OFFLOADED_BYTES_MAX


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Where executions keep their data, how much the engine takes on, and how patient it is.

    Attributes:
        metadata_prefix: Uri below which inputs and outputs of nodes lie.
        raw_output_prefix: The one for data that tasks write, when the launch request names none.
        inline_outputs_bytes_max: Outputs up to this size are kept in the store of record too.
        outputs_bytes_max: Larger `outputs.pb` fail their attempt: large values belong into files.
        offload_bytes_min: Lists of what an array's elements gave that are larger are kept beside the document.
        offloaded_bytes_max: If they are larger than this together, the array fails.
        cache_bytes_max: Memory for inputs and outputs of nodes.
        executions_max: How many executions are in memory; further ones wait, those that a
            launch-plan node started do not (their parents wait for them).
        events_max: How many events one evaluation takes.
        effects_max: How many commands are carried out at once.
        tries_max: How often a command or an execution that fails the engine is tried.
        backoff_ns: The pause after a first failure; it doubles up to `backoff_ns_max`.
        backoff_ns_max: The longest pause.
        linger_ns: How long news that change nothing by themselves (an attempt began) wait for
            others to share their commit.
        history_batch: How many records the sink is given at once.
        history_waiting_max: How many wait in memory; when there are more, they are read back
            from the store.
        history_pause_ns: The shortest time between two calls of the sink, so that records gather.
        history_gather_ns: How long records of nodes wait at most after such a call, so that those of one node
            gather. Those of an execution, its end above all, do not wait for it.
        history_keep_ns: How long told records stay in the store at most, if there are few.
        close_patience_ns: How long `close` waits for the sink, and for the sync of what has ended.
        seal_pause_ns: How long after its end an execution's documents are synced, so that those of many
            gather and the disk is left to what goes on.
        retention_ns: How long the states of ended executions stay in the store, once all of their
            history is told and their documents are sealed; 0 for ever.
        retention_rows: How many rows of theirs are dropped at once.
        holder: Who the engine is, for the lease on its store. An engine with the same name is the same
            one after a restart, and takes over at once. Empty for an engine that is alone for
            certain: it takes no lease.
        lease_ns: How long the lease lasts; it is renewed three times as often.
        lease_waits: Whether to wait while another engine has the lease, instead of giving up.
        cache_lease_ns: How long work that is done once for all stays reserved without news of it.
        cache_poll_ns: How often a node that waits for such work looks by itself.
    """

    metadata_prefix: str
    raw_output_prefix: str
    inline_outputs_bytes_max: int = 64 * 1024
    outputs_bytes_max: int = 64 * 1024 * 1024
    offload_bytes_min: int = OFFLOAD_BYTES_MIN
    offloaded_bytes_max: int = OFFLOADED_BYTES_MAX
    cache_bytes_max: int = 64 * 1024 * 1024
    executions_max: int = 1000
    events_max: int = 1000
    effects_max: int = 64
    tries_max: int = 6
    backoff_ns: int = 200_000_000
    backoff_ns_max: int = 30_000_000_000
    linger_ns: int = 50_000_000
    history_batch: int = 1000
    history_waiting_max: int = 20_000
    history_pause_ns: int = 10_000_000
    history_gather_ns: int = 50_000_000
    history_keep_ns: int = 1_000_000_000
    close_patience_ns: int = 5_000_000_000
    seal_pause_ns: int = 1_000_000_000
    retention_ns: int = 7 * 24 * 3600 * 1_000_000_000
    retention_rows: int = 2000
    holder: str = ""
    lease_ns: int = 30_000_000_000
    lease_waits: bool = False
    cache_lease_ns: int = 30_000_000_000
    cache_poll_ns: int = 5_000_000_000

    def pause_ns(self, failures: int) -> int:
        """Return the pause after the n-th failure in a row."""
        return min(self.backoff_ns << min(max(failures - 1, 0), 32), self.backoff_ns_max)
