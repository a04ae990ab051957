"""Which shard an object belongs to, and which replica should have which shard. Pure: every replica decides alike."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256

from propeller.kube.ports import Json

SHARD_LABEL = "flytelike.dev/shard"
"""The shard that an object belongs to from its first reconciliation on, whatever their number becomes later."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What a replica should do next: shards to take, shards to hand over."""

    take: tuple[int, ...] = ()
    give: tuple[int, ...] = ()


def shard_of(document: Json, shards: int) -> int:
    """Return an object's shard: what it was labelled with, else what its uid says among `shards`."""
    metadata = document["metadata"]
    label = metadata.get("labels", {}).get(SHARD_LABEL, "")
    if label.isascii() and label.isdigit():
        return int(label)
    return int.from_bytes(sha256(metadata["uid"].encode()).digest()[:8]) % shards


def moves(me: str, owners: Mapping[int, str], members: Collection[str]) -> Moves:
    """Return what `me` should do so that all members come to have as many shards as each other, one more or less.

    `owners` are all shards by number, with who has each; empty for nobody.
    """
    ranks = sorted({*members, me})
    least, more = divmod(len(owners), len(ranks))
    target = least + (ranks.index(me) < more)
    mine = sorted(number for number, owner in owners.items() if owner == me)
    free = sorted(number for number, owner in owners.items() if not owner)
    return Moves(tuple(free[: max(0, target - len(mine))]), tuple(mine[target:]))
