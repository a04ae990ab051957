"""Who may begin: allocators that keep the grants of the fair queue.

`LocalAllocator` keeps them in this process, for a platform of one engine, with which its grants begin and end;
`SharedAllocator` keeps them in a database, for several.
The rules of who is next are `propeller.core.fairness`'s; this room knows no executor and no engine.
"""

from propeller.allocation.local import LocalAllocator
from propeller.allocation.shared import SharedAllocator, SharedSettings

__all__ = ["LocalAllocator", "SharedAllocator", "SharedSettings"]
