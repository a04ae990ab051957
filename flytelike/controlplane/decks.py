"""Where the report of a node lies: beside the outputs of its last attempt that stored one."""

from collections.abc import Iterator

from flytelike.controlplane.repository.rows import NodeRow
from flytelike.storage import Store

DECK = "deck.html"


async def deck_uri(node: NodeRow, attempts: int, store: Store) -> str:
    """Return the uri of a node's report; empty when there is none.

    Args:
        node: The node.
        attempts: How many attempts it had so far.
        store: Tells what is there.
    """
    for uri in _places(node, attempts):
        if await store.exists_async(uri):
            return uri
    return ""


def _places(node: NodeRow, attempts: int) -> Iterator[str]:
    """Yield where a report may be: beside the outputs, else in the folders of the attempts, the last one first.

    Attempts have their folders beside the inputs (Flyte's layout of a node's documents).
    """
    if node.output_uri:
        yield f"{node.output_uri.rpartition('/')[0]}/{DECK}"
    folder = node.inputs_uri.rpartition("/")[0]
    if folder:
        yield from (f"{folder}/{attempt}/{DECK}" for attempt in reversed(range(attempts)))
