"""What an attempt asks for, by its resources."""

from collections.abc import Mapping
from math import ceil

from flytelike.model.policies import ResourceName, Resources
from flytelike.model.quantity import amount_of
from flytelike.model.quota import CPU, GPU, MEMORY, Amounts

_COUNTED = {ResourceName.CPU: (CPU, 1000), ResourceName.MEMORY: (MEMORY, 1), ResourceName.GPU: (GPU, 1)}


def stated_amounts(resources: Resources | None) -> Amounts:
    """Return what an attempt asks for: its requests, else its limits (as Kubernetes takes them).

    Raises:
        ValueError: one of them is no quantity.
    """
    stated: Mapping[ResourceName, str] = {} if resources is None else {**resources.limits, **resources.requests}
    found = {}
    for name, quantity in stated.items():
        if name in _COUNTED and quantity:
            counted, factor = _COUNTED[name]
            found[counted] = ceil(amount_of(quantity) * factor)
    return found
