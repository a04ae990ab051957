"""Running a coroutine to its end, whether or not an event loop runs already."""

import inspect
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives. Inside of a running event loop it gets one of its own, in a thread."""
    # A tenth of the time that importing the authors' names takes, for what most of their programs never do.
    import asyncio  # noqa: PLC0415
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    context = copy_context()
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(context.run, asyncio.run, work).result()


def awaited(result: object) -> object:
    """Return a function's result; that of an `async def`, once it has run to its end."""
    return run_to_end(result) if inspect.iscoroutine(result) else result
