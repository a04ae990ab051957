"""Limits hold, guarantees come first, the rest is shared by weight, and nothing waits for ever."""

from collections import Counter
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propeller.core.fairness import FairQueue, Quota, Request, Shortage, TooLarge
from propeller.core.fairness.line import Line

SECOND = 1_000_000_000
_ids = count()


def asked(path: str, *, cpu: int = 1, since: int = 0, priority: int = 0, name: str = "", **more: int) -> Request:
    return Request(name or f"r{next(_ids)}", tuple(path.split("/")), {"cpu": cpu, **more}, since, priority)


def queue(cpu: int = 10, *, quotas: dict[str, Quota] | None = None, **settings: int) -> FairQueue:
    named = {tuple(path.split("/")): quota for path, quota in (quotas or {}).items()}
    return FairQueue({(): Quota(limit={"cpu": cpu}), **named}, **settings)


def granted(fair: FairQueue, now: int = 0) -> list[Request]:
    """All that is granted at once."""
    got = []
    while (request := fair.next_grant(now)) is not None:
        got.append(request)
    return got


def shares(requests: list[Request]) -> Counter[str]:
    return Counter(each.path[0] for each in requests)


def test_an_idle_platform_is_all_of_who_asks() -> None:
    fair = queue(10)
    for _ in range(12):
        fair.ask(asked("a/p/d"), 0)
    assert len(granted(fair)) == 10


def test_who_comes_alone_is_granted_at_once_if_it_fits() -> None:
    fair = queue(2)
    assert fair.grant_unasked(asked("a/p/d", name="one", cpu=2), 0)
    assert not fair.grant_unasked(asked("a/p/d", name="one", cpu=0), 0), "it is granted already"
    assert not fair.grant_unasked(asked("a/p/d"), 0), "it does not fit"
    fair.ask(asked("a/p/d", name="two"), 0)
    fair.give_back("one", 0)
    assert not fair.grant_unasked(asked("b/p/d"), 0), "somebody waits"
    assert [each.id for each in granted(fair)] == ["two"]


def test_equal_teams_get_equal_shares_however_much_they_ask() -> None:
    fair = queue(10)
    for _ in range(1000):
        fair.ask(asked("flood/p/d"), 0)
    for _ in range(5):
        fair.ask(asked("small/p/d", since=9), 0)
    assert shares(granted(fair)) == {"flood": 5, "small": 5}


def test_shares_follow_weights() -> None:
    fair = queue(100, quotas={"heavy": Quota(weight=3), "light": Quota(weight=1)})
    for _ in range(200):
        fair.ask(asked("heavy/p/d"), 0)
        fair.ask(asked("light/p/d"), 0)
    assert shares(granted(fair)) == {"heavy": 75, "light": 25}


def test_shares_are_of_the_resource_each_uses_most() -> None:
    """Of 9 CPUs and 18 GB, tasks of (1 CPU, 4 GB) and of (3 CPUs, 1 GB): 3 of the one, 2 of the other."""
    fair = FairQueue({(): Quota(limit={"cpu": 9, "memory": 18})})
    for _ in range(10):
        fair.ask(asked("a/p/d", cpu=1, memory=4), 0)
        fair.ask(asked("b/p/d", cpu=3, memory=1), 0)
    assert shares(granted(fair)) == {"a": 3, "b": 2}


def test_projects_of_a_team_share_what_the_team_gets() -> None:
    fair = queue(12, quotas={"a/x": Quota(weight=2)})
    for _ in range(20):
        for path in ("a/x/d", "a/y/d", "b/z/d"):
            fair.ask(asked(path), 0)
    got = Counter("/".join(each.path[:2]) for each in granted(fair))
    assert got == {"a/x": 4, "a/y": 2, "b/z": 6}


def test_a_guarantee_comes_before_shares() -> None:
    fair = queue(10, quotas={"small": Quota(weight=0.01, guaranteed={"cpu": 4})})
    for _ in range(20):
        fair.ask(asked("big/p/d"), 0)
        fair.ask(asked("small/p/d"), 0)
    assert shares(granted(fair)) == {"big": 6, "small": 4}


def test_what_was_borrowed_comes_back_as_attempts_end() -> None:
    fair = queue(4, quotas={"owner": Quota(guaranteed={"cpu": 4})})
    borrowed = [asked("other/p/d") for _ in range(8)]
    for each in borrowed:
        fair.ask(each, 0)
    running = granted(fair)
    assert len(running) == 4
    for _ in range(4):
        fair.ask(asked("owner/p/d"), 0)
    for each in running:
        fair.give_back(each.id, 0)
    assert shares(granted(fair)) == {"owner": 4}


@pytest.mark.parametrize("path", ["a", "a/p", "a/p/d"])
def test_a_limit_holds_at_every_level(path: str) -> None:
    fair = queue(10, quotas={path: Quota(limit={"cpu": 3})})
    for _ in range(9):
        fair.ask(asked("a/p/d"), 0)
    assert len(granted(fair)) == 3


def test_a_gang_is_granted_whole_or_not_at_all() -> None:
    fair = queue(4)
    fair.ask(asked("a/p/d", cpu=1, name="one"), 0)
    assert len(granted(fair)) == 1
    fair.ask(asked("a/p/d", cpu=4, name="gang"), 0)
    assert granted(fair) == []
    fair.give_back("one", 0)
    assert [each.id for each in granted(fair)] == ["gang"]


def test_priority_orders_the_requests_of_one_path() -> None:
    fair = queue(1)
    fair.ask(asked("a/p/d", name="low"), 0)
    fair.ask(asked("a/p/d", name="high", priority=5), 0)
    assert [each.id for each in granted(fair)] == ["high"]


def test_waiting_makes_up_for_priority() -> None:
    fair = queue(1, aging_ns=SECOND)
    fair.ask(asked("a/p/d", name="old", since=0), 0)
    fair.ask(asked("a/p/d", name="young", since=6 * SECOND, priority=5), 0)
    assert [each.id for each in granted(fair, 6 * SECOND)] == ["old"]


def test_priority_does_not_count_between_teams() -> None:
    fair = queue(10)
    for _ in range(20):
        fair.ask(asked("loud/p/d", priority=100), 0)
        fair.ask(asked("quiet/p/d"), 0)
    assert shares(granted(fair)) == {"loud": 5, "quiet": 5}


def test_small_requests_pass_a_large_one_for_a_while_only() -> None:
    """The large one would starve if small ones took each place that gets free."""
    fair = queue(4, patience_ns=10 * SECOND)
    running = [asked("small/p/d") for _ in range(3)]
    for each in running:
        fair.ask(each, 0)
    assert len(granted(fair)) == 3
    fair.ask(asked("large/p/d", cpu=4, name="large"), 0)
    for moment in range(40):
        fair.ask(asked("small/p/d", since=moment * SECOND), moment * SECOND)
        got = granted(fair, moment * SECOND)
        if "large" in {each.id for each in got}:
            break
        running += got
        if running:
            fair.give_back(running.pop(0).id, moment * SECOND)
    else:
        pytest.fail("the large one starved")
    assert moment >= 10


def test_a_bar_ends_with_who_wanted_it() -> None:
    fair = queue(4, patience_ns=0)
    fair.ask(asked("a/p/d", cpu=1, name="runs"), 0)
    assert len(granted(fair)) == 1
    fair.ask(asked("a/p/d", cpu=4, name="large", priority=1), 0)
    fair.ask(asked("a/p/d", cpu=1, name="small"), 0)
    fair.ask(asked("b/p/d", cpu=1, name="other"), 0)
    assert [each.id for each in granted(fair)] == ["other"], "b is more deserving than a"
    fair.withdraw("large")
    assert [each.id for each in granted(fair)] == ["small"]


def test_what_can_never_fit_is_refused_with_every_limit_in_its_way() -> None:
    fair = FairQueue({(): Quota(limit={"cpu": 8}), ("a",): Quota(limit={"cpu": 4, "gpu": 0})})
    with pytest.raises(TooLarge) as refused:
        fair.ask(asked("a/p/d", cpu=9, gpu=1), 0)
    assert [(each.path, each.resource, each.limit) for each in refused.value.shortages] == [
        ((), "cpu", 8),
        (("a",), "cpu", 4),
        (("a",), "gpu", 0),
    ]
    assert len(fair) == 0


def test_a_waiting_request_says_why() -> None:
    fair = queue(10, quotas={"a": Quota(limit={"cpu": 3})})
    for name in ("one", "two"):
        fair.ask(asked("a/p/d", name=name, cpu=2), 0)
        fair.next_grant(0)
    fair.ask(asked("a/q/d", name="three", cpu=2, since=5), 0)
    told = fair.why("two")
    assert told is not None
    assert (told.place, told.length) == (1, 1)
    assert told.shortages == (Shortage(("a",), "cpu", 2, 2, 3, (("p", 2),)),)
    assert fair.why("one") is None


def test_a_line_is_told_in_its_order_and_places_count_from_one() -> None:
    fair = queue(1, aging_ns=10)
    fair.ask(asked("a/p/d", name="running"), 0)
    granted(fair)
    for name, since, priority in (("late", 9, 0), ("early", 1, 0), ("urgent", 12, 1), ("large", 5, 0)):
        fair.ask(asked("a/p/d", name=name, since=since, priority=priority, gpu=int(name == "large")), 0)
    fair.ask(asked("b/p/d", name="alone"), 0)
    assert [[one.id for one in line] for line in fair.lines()] == [["early", "urgent", "large", "late"], ["alone"]]
    told = {name: fair.why(name) for name in ("early", "urgent", "large", "late", "alone")}
    assert [(one.place, one.length) for one in told.values() if one] == [(1, 4), (2, 4), (3, 4), (4, 4), (1, 1)]
    assert fair.shortages(asked("b/p/d", cpu=1)) == (Shortage((), "cpu", 1, 1, 1, (("a", 1),)),)


def test_who_says_nothing_of_its_priority_has_none() -> None:
    assert Request("r", ("a",), {"cpu": 1}, 0).priority == 0


def test_the_head_of_a_line_is_its_first_of_whatever_shape() -> None:
    line = Line(aging_ns=10)
    late, early = asked("a/p/d", name="late", cpu=2, since=9), asked("a/p/d", name="early", since=1)
    assert line.head() is None
    for one in (late, early):
        line.add(one)
    assert line.head() is early
    line.remove(early)
    assert line.head() is late


def test_asking_and_ending_twice_change_nothing() -> None:
    fair = queue(2)
    once = asked("a/p/d", name="once")
    for _ in range(2):
        fair.ask(once, 0)
    assert len(granted(fair)) == 1
    fair.ask(once, 0)
    assert len(fair) == 0
    for _ in range(2):
        fair.give_back("once", 0)
    assert fair.used(()) == {}


def test_one_that_a_smaller_limit_never_lets_go_on_keeps_nobody_waiting() -> None:
    fair = queue(4)
    running, large, small = asked("a/p/d", cpu=4), asked("a/p/d", cpu=4), asked("a/p/d")
    for each in (running, large, small):
        fair.ask(each, 0)
    granted(fair)
    fair.set_quotas({(): Quota(limit={"cpu": 4}), ("a",): Quota(limit={"cpu": 2})}, 0)
    fair.give_back(running.id, 0)
    assert granted(fair, 10**12) == [small]
    fair.set_quotas({(): Quota(limit={"cpu": 4})}, 0)
    fair.give_back(small.id, 0)
    assert granted(fair, 10**12) == [large]


def test_uses_are_told_by_place() -> None:
    fair = queue(1)
    for each in (asked("a/p/d"), asked("b/q/d")):
        fair.ask(each, 0)
    granted(fair)
    uses = {use.path: (dict(use.used), use.waiting) for use in fair.uses()}
    assert uses[()] == ({"cpu": 1}, 1)
    assert uses["a",] == ({"cpu": 1}, 0)
    assert uses["b", "q", "d"] == ({}, 1)


def test_a_smaller_limit_takes_nothing_away_and_grants_nothing_until_it_holds() -> None:
    fair = queue(4)
    running = [asked("a/p/d") for _ in range(4)]
    for each in running:
        fair.ask(each, 0)
    granted(fair)
    fair.set_quotas({(): Quota(limit={"cpu": 2})}, 0)
    fair.ask(asked("a/p/d"), 0)
    fair.give_back(running[0].id, 0)
    fair.give_back(running[1].id, 0)
    assert granted(fair) == []
    fair.give_back(running[2].id, 0)
    assert len(granted(fair)) == 1


PATHS = ["a/p/d", "a/p/e", "a/q/d", "b/p/d", "c/p/d"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(PATHS), st.integers(1, 6), st.integers(0, 3)),
        st.tuples(st.just("end"), st.integers(0, 30)),
        st.tuples(st.just("withdraw"), st.integers(0, 30)),
        st.tuples(st.just("quota"), st.sampled_from(["a", "a/p", "b"]), st.integers(6, 9)),
    ),
    max_size=60,
)


@given(steps=STEPS, patience=st.sampled_from([0, 3, 1000]))
def test_whatever_happens_limits_hold_and_what_fits_is_not_kept_waiting_for_ever(
    steps: list[tuple[object, ...]], patience: int
) -> None:
    """Judged by counts of its own. In the end, when all that runs ends, everything was granted once."""
    limits = {(): 8, ("a",): 6, ("a", "p"): 6, ("b",): 6}
    fair = FairQueue({path: Quota(limit={"cpu": limit}) for path, limit in limits.items()}, patience_ns=patience)
    waiting: dict[str, Request] = {}
    running: dict[str, Request] = {}
    now = 0

    def grant() -> None:
        for request in granted(fair, now):
            assert waiting.pop(request.id) is request
            running[request.id] = request
            for path, limit in limits.items():
                used = sum(each.amounts["cpu"] for each in running.values() if each.path[: len(path)] == path)
                assert used <= limit

    for step in steps:
        now += 1
        match step:
            case ("ask", str(path), int(cpu), int(priority)):
                request = asked(path, cpu=cpu, priority=priority, since=now)
                waiting[request.id] = request
                fair.ask(request, now)
            case ("end", int(which)) if running:
                name = sorted(running)[which % len(running)]
                del running[name]
                fair.give_back(name, now)
            case ("withdraw", int(which)) if waiting:
                name = sorted(waiting)[which % len(waiting)]
                del waiting[name]
                fair.withdraw(name)
            case ("quota", str(path), int(limit)):
                key = tuple(path.split("/"))
                limits[key] = max(limits[key], limit)
                fair.set_quotas({path: Quota(limit={"cpu": limit}) for path, limit in limits.items()}, now)
            case _:
                pass
        grant()
    while running:
        now += 1
        name = min(running)
        del running[name]
        fair.give_back(name, now)
        grant()
    assert not waiting
    assert fair.used(()) == {}
