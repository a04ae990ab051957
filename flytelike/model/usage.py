"""What attempts ask of their machines, and what they use of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from flytelike.model.policies import ResourceName, Resources
from flytelike.model.quantity import amount_of


@dataclass(frozen=True, slots=True)
class ResourceAmounts:
    """Amounts of what a machine has: thousandths of a processor, bytes, devices; 0 where nothing is said."""

    cpu_milli: int = 0
    memory_bytes: int = 0
    gpus: int = 0
    ephemeral_storage_bytes: int = 0


@dataclass(frozen=True, slots=True)
class AskedResources:
    """What an attempt asked of its machine, with all defaults and bounds applied.

    `requests` are kept for it; it may use `limits` at most.
    """

    requests: ResourceAmounts
    limits: ResourceAmounts


@dataclass(frozen=True, slots=True)
class AttemptUse:
    """What an attempt used, as measured; 0 where that is not known.

    `memory_peak_bytes` is the most that one of its processes held, shared pages counted in full; `processor_ns` the
    time that its processes were on a processor, for themselves and in the kernel.
    """

    memory_peak_bytes: int = 0
    processor_ns: int = 0


USE_MAX = 2**53
"""What JSON's readers keep exactly, and far more than anything can use."""


def use_told(memory_peak_bytes: int, processor_ns: int) -> AttemptUse | None:
    """Return what a process says that it used; None if that cannot be."""
    told = AttemptUse(memory_peak_bytes, processor_ns)
    return told if 0 <= memory_peak_bytes <= USE_MAX and 0 <= processor_ns <= USE_MAX else None


def asked_of(resources: Resources) -> AskedResources | None:
    """Return what an attempt with these resources asks for; None if it asks for nothing.

    Where only a limit is given, as much is requested, as Kubernetes takes it. What is no quantity counts as nothing.
    """
    if not resources.requests and not resources.limits:
        return None
    limits = _amounts(resources.limits)
    return AskedResources(_amounts({**resources.limits, **resources.requests}), limits)


def _amounts(stated: Mapping[ResourceName, str]) -> ResourceAmounts:
    return ResourceAmounts(
        _amount(stated.get(ResourceName.CPU, ""), 1000),
        _amount(stated.get(ResourceName.MEMORY, ""), 1),
        _amount(stated.get(ResourceName.GPU, ""), 1),
        _amount(stated.get(ResourceName.EPHEMERAL_STORAGE, ""), 1),
    )


@lru_cache(maxsize=1024)
def _amount(quantity: str, factor: int) -> int:
    if not quantity:
        return 0
    try:
        return ceil(amount_of(quantity) * factor)
    except ValueError:
        return 0
