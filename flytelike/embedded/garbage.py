"""How often Python looks for garbage while a platform runs.

Nearly all that a platform makes is freed as soon as nobody uses it; cycles are rare. By itself Python walks through all
objects again and again while an execution of many nodes grows, which costs such a one a tenth of its time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = (10_000, 20, 10)
"""Made but not freed objects before the youngest are looked through; how many such looks before one at older ones."""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for cycles rarely while the context is open, and among what came into being since."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
