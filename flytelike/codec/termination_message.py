"""What the platform's own program says as a container's termination message: what its attempt used.

The kubelet brings it with the container's end, so that nobody has to ask for it. An author's own message may stand
before it.
"""

import re

from flytelike.model.usage import AttemptUse, use_told

USED_FILE = "FLYTELIKE_USED_FILE"
"""The variable that tells the program where a container's termination message is written."""

_USED = re.compile(r"\n?^flytelike-used ([0-9]{1,16}) ([0-9]{1,16})\n?\Z", re.MULTILINE)


def used_line(used: AttemptUse) -> str:
    """Return what stands last in the message."""
    return f"\nflytelike-used {used.memory_peak_bytes} {used.processor_ns}\n"


def parted(message: str) -> tuple[str, AttemptUse | None]:
    """Return a container's own message, and what it used, if the platform's program says so."""
    found = _USED.search(message)
    if found is None:
        return message, None
    return message[: found.start()], use_told(int(found[1]), int(found[2]))
