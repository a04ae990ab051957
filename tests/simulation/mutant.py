"""A fault to plant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A fault: in `module`, the text `old` (which occurs once) reads `new`.

    `world` is the module whose `simulate` must find it.
    """

    name: str
    module: str
    old: str
    new: str
    world: str
