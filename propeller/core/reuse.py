"""What is done with a node that an execution was told of in advance, instead of running it."""

from enum import Enum


class Reuse(Enum):
    """What becomes of a node that is ready."""

    TAKE = "take what the node gave in an earlier execution; run it if that is not possible"
    LEAVE = "leave the node out: neither it nor what it would give is wanted"
