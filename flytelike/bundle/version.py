"""The default version: a name for exactly this content."""

import hashlib
from collections.abc import Iterable

from flytelike.model.ids import Digest

LETTERS = 16
"""64 bits: among a million versions of one entity, two collide with a chance of one in 37 million."""


def default_version(digests: Iterable[Digest]) -> str:
    """Return the version for entities and code with these digests, in any order."""
    whole = hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()
    return whole[:LETTERS]
