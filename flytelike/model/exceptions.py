"""What an author's task may raise to say more than that it failed."""


class FlyteRecoverableException(Exception):
    """The task failed, and trying again may help: its retries are used."""


class FlyteNonRecoverableSystemException(Exception):
    """The task failed for a reason outside the author's code; trying again does not help."""


class IgnoreOutputs(Exception):
    """The task ended well, and its outputs are not to be stored (a rank of a distributed job)."""


class EagerException(Exception):
    """Something that an eager function called failed.

    Attributes:
        code: What went wrong, such as `USER:ValueError`.
        message: The failure in full, with the lines of the source where it was raised.
        execution: The name of the execution that failed; empty in plain Python.
    """

    def __init__(self, called: str, code: str, message: str, execution: str = "") -> None:
        """Keep the parts."""
        self.called = called
        self.code = code
        self.message = message
        self.execution = execution
        where = f" (execution {execution})" if execution else ""
        super().__init__(f"`{called}` failed with {code}{where}:\n{message}")
