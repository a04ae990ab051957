"""Which worker runs an attempt: written once, before the worker is told."""

import json
import re
from dataclasses import dataclass

from propeller.executors.pod.names import is_object_name
from propeller.executors.results import Results

LEASE = "worker-lease.json"


@dataclass(frozen=True, slots=True)
class Lease:
    """The name of an attempt's worker, and the mark of its order."""

    worker: str
    mark: str


async def lease_of(results: Results, prefix: str) -> Lease | None:
    """Return the lease of the attempt whose documents lie below a prefix; None if it has none that can be read."""
    document = await results.read(prefix, LEASE)
    try:
        told = json.loads(document or b"")
        found = Lease(str(told["worker"]), str(told["mark"]))
    except (ValueError, KeyError, TypeError):
        return None
    # What lies there may have been written by a task, too.
    sound = is_object_name(found.worker) and re.fullmatch(r"[0-9a-f]{32}", found.mark)
    return found if sound else None


async def taken(results: Results, prefix: str, lease: Lease) -> Lease:
    """Return the attempt's lease: this one, or the one that it had already."""
    document = json.dumps({"worker": lease.worker, "mark": lease.mark}).encode()
    if await results.put_new(prefix, LEASE, document):
        return lease
    found = await lease_of(results, prefix)
    if found is None:  # a power cut has emptied it
        await results.put(prefix, LEASE, document)
    return found or lease
