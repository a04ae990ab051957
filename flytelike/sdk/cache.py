"""How an author asks for results to be kept."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Cache:
    """Keep a task's results for equal inputs.

    Attributes:
        version: Results are shared between tasks of the same name and version; empty derives
            it from the task's code.
        serialize: Do equal work that runs at the same time once.
        ignored_inputs: Inputs that don't count when inputs are compared.
        ttl: How long results are kept; a number counts seconds. Without it they are kept until they are evicted.
    """

    version: str = ""
    serialize: bool = False
    ignored_inputs: tuple[str, ...] | str = ()
    ttl: timedelta | int | None = None
