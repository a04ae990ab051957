"""What an author's task may raise to say more than that it failed."""


class FlyteRecoverableException(Exception):
    """The task failed, and trying again may help: its retries are used."""


class FlyteNonRecoverableSystemException(Exception):
    """The task failed for a reason outside the author's code; trying again does not help."""


class IgnoreOutputs(Exception):
    """The task ended well, and its outputs are not to be stored (a rank of a distributed job)."""
