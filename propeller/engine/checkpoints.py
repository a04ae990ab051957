"""Where an attempt finds what those before it left to go on from."""

from flytelike.model.ids import NodePath
from propeller.engine import places
from propeller.engine.run import Run
from propeller.engine.taking_over import checkpoints_of
from propeller.ports import Blobs


async def previous_checkpoint(run: Run, path: NodePath, attempt: int, raw_root: str, blobs: Blobs) -> str:
    """Return where the last earlier attempt that left checkpoints did so, in this execution or the one it goes on from.

    An attempt that was lost before it wrote any must not make those before it forgotten. Empty for a first attempt;
    where nobody left any, the place of the attempt before.
    """
    earlier = [places.checkpoints(places.raw_prefix(raw_root, run.id, path, n)) for n in reversed(range(attempt))]
    if taken_over := checkpoints_of(run, path):
        earlier.append(taken_over)
    if len(earlier) < 2:
        return earlier[0] if earlier else ""
    there = await blobs.sizes(earlier)
    return next((prefix for prefix in earlier if there.get(prefix)), earlier[0])
