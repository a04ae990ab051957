"""Who should have which shard."""

from hypothesis import given
from hypothesis import strategies as st

from propeller.app.sharding import SHARD_LABEL, moves, shard_of

REPLICAS = ("ada", "bob", "cid", "dan")


@given(
    st.lists(st.sampled_from(["", *REPLICAS]), min_size=1, max_size=12),
    st.sets(st.sampled_from(REPLICAS), min_size=1),
)
def test_all_shards_come_to_be_had_by_members_in_equal_shares(start: list[str], members: set[str]) -> None:
    """Shards of those that are gone lapse first."""
    owners = {number: owner if owner in members else "" for number, owner in enumerate(start)}
    for _ in range(2):
        for me in sorted(members):
            wanted = moves(me, owners, members)
            assert all(owners[number] == me for number in wanted.give)
            assert all(owners[number] == "" for number in wanted.take)
            owners |= dict.fromkeys(wanted.give, "") | dict.fromkeys(wanted.take, me)
    shares = [list(owners.values()).count(me) for me in members]
    assert sum(shares) == len(owners)
    assert max(shares) - min(shares) <= 1
    assert all(moves(me, owners, members) == moves(me, owners, members | {me}) for me in members)
    assert not any(moves(me, owners, members).give or moves(me, owners, members).take for me in members)


@given(st.uuids(), st.integers(1, 64))
def test_an_object_stays_in_the_shard_it_was_labelled_with(uid: object, shards: int) -> None:
    document = {"metadata": {"uid": str(uid)}}
    number = shard_of(document, shards)
    assert 0 <= number < shards
    document["metadata"]["labels"] = {SHARD_LABEL: str(number)}  # type: ignore[assignment]
    assert shard_of(document, shards + 7) == number
