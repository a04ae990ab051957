"""Whether a process can do its work now, and if not, why."""


class Health:
    """What keeps a process from being ready, by what it is about. It begins unready."""

    def __init__(self) -> None:
        """Begin."""
        self._faults: dict[str, str] = {"start": "it is starting"}

    @property
    def ready(self) -> bool:
        """Whether nothing keeps it."""
        return not self._faults

    @property
    def faults(self) -> list[str]:
        """What keeps it, a line each."""
        return [f"{what}: {why}" for what, why in self._faults.items()]

    def note(self, what: str, why: str) -> None:
        """Note why it is not ready; nothing when `why` is empty: that is over."""
        if why:
            self._faults[what] = " ".join(why.split())
        else:
            self._faults.pop(what, None)

    def started(self) -> None:
        """Note that it has started."""
        self.note("start", "")

    def stopping(self) -> None:
        """Note that it was told to stop."""
        self.note("stop", "it was told to stop")
