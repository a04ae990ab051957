"""Who may begin: allocators that keep the grants of the fair queue.

`LocalAllocator` keeps them in this process, for a platform of one engine, with which its grants begin and end;
`shared.SharedAllocator` keeps them in a database, for several (it is not loaded here: it brings a database along).
The rules of who is next are `propeller.core.fairness`'s; this room knows no executor and no engine.
"""

from propeller.allocation.local import LocalAllocator

__all__ = ["LocalAllocator"]
