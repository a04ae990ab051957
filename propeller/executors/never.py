"""What an attempt fails with that asks for more than it can ever get."""

from collections.abc import Sequence

from flytelike.model.failure import Failure, Fault
from flytelike.model.quota import shown_amount
from propeller.core.fairness import Shortage, shown_place
from propeller.executors.codes import NEVER_FITS


def failure_of_never(shortages: Sequence[Shortage]) -> Failure:
    """Return the failure of an attempt that asks for more than it can ever get."""
    told = "; ".join(
        f"{shown_amount(it.resource, it.asked)} where {shown_place(it.path)} may use "
        f"{shown_amount(it.resource, it.limit)} at most"
        for it in shortages
    )
    text = f"The task can never run here. It asks for {told}. Ask for less, or have the limit raised."
    return Failure(NEVER_FITS, text, Fault.USER, retryable=False)
