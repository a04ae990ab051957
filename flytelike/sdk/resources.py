"""What a task asks of a machine, in Kubernetes' quantities."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from flytelike.model import policies
from flytelike.model.policies import ResourceName

Quantity: TypeAlias = str | int | float
"""`"500m"`, `"2"` or `2` for CPUs and GPUs; `"512Mi"`, `"2Gi"` or a number of bytes for memory and disk."""

QuantityPair: TypeAlias = tuple[Quantity, Quantity] | list[Quantity]
"""What is requested, and the limit."""

_QUANTITY = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+|[numkKMGTPE]|[KMGTPE]i)?")


@dataclass(frozen=True, slots=True)
class Resources:
    """CPUs, memory, GPUs and scratch disk of a task.

    Each is one quantity, or, where `resources=` is given rather than `requests=` and
    `limits=`, also a pair of request and limit.
    """

    cpu: Quantity | QuantityPair | None = None
    mem: Quantity | QuantityPair | None = None
    gpu: Quantity | QuantityPair | None = None
    ephemeral_storage: Quantity | QuantityPair | None = None


_NAMES = {
    "cpu": ResourceName.CPU,
    "mem": ResourceName.MEMORY,
    "gpu": ResourceName.GPU,
    "ephemeral_storage": ResourceName.EPHEMERAL_STORAGE,
}


def resource_faults(resources: Resources, *, pairs: bool) -> Iterator[str]:
    """Tell what is wrong with an author's resources. `pairs` allows (request, limit)."""
    for word in _NAMES:
        value = getattr(resources, word)
        if isinstance(value, tuple | list) and not pairs:
            yield f"`{word}` is a pair; give pairs to `resources=`, one quantity each to `requests=` and `limits=`"
        elif isinstance(value, tuple | list) and len(value) != 2:
            yield f"`{word}` needs exactly a request and a limit"
        else:
            yield from (f"`{word}={quantity!r}` is no quantity" for quantity in _parts(value) if not _valid(quantity))


def resources_of(requests: Resources | None, limits: Resources | None, both: Resources | None) -> policies.Resources:
    """Return the model's resources for an author's; quantities are taken to be valid."""
    if both is not None:
        asked = _by_name(both)
        return policies.Resources(
            {name: parts[0] for name, parts in asked.items()},
            {name: parts[-1] for name, parts in asked.items() if len(parts) > 1},
        )
    return policies.Resources(
        {name: parts[0] for name, parts in _by_name(requests).items()},
        {name: parts[0] for name, parts in _by_name(limits).items()},
    )


def _by_name(resources: Resources | None) -> dict[ResourceName, tuple[str, ...]]:
    if resources is None:
        return {}
    found = {name: tuple(str(part) for part in _parts(getattr(resources, word))) for word, name in _NAMES.items()}
    return {name: parts for name, parts in found.items() if parts}


def _parts(value: Quantity | QuantityPair | None) -> tuple[Quantity, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _valid(quantity: Quantity) -> bool:
    return not isinstance(quantity, bool) and _QUANTITY.fullmatch(str(quantity)) is not None
