"""Amounts, places and shortages read as people write them."""

import pytest

from flytelike.model.queued import Shortfall
from flytelike.model.quota import QuotaPlace, shown_amount
from propeller.core.fairness import Shortage, place_of, shortfalls, shown_place, shown_shortages


@pytest.mark.parametrize(
    ("resource", "amount", "shown"),
    [
        ("cpu", 1500, "1.5 CPU"),
        ("memory", 3 << 30, "3 GiB of memory"),
        ("memory", 0, "0 B of memory"),
        ("gpu", 2, "2 GPU"),
        ("gpu/nvidia-a100", 1, "1 GPU of type nvidia-a100"),
        ("attempts", 1, "1 attempt"),
        ("map_elements", 20, "20 map elements"),
    ],
)
def test_amounts(resource: str, amount: int, shown: str) -> None:
    assert shown_amount(resource, amount) == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), "the platform"),
        (("ml",), "team ml"),
        (("ml", "vision"), "project vision"),
        (("ml", "vision", "production"), "vision/production"),
    ],
)
def test_places(path: tuple[str, ...], shown: str) -> None:
    assert shown_place(path) == shown


def test_of_each_place_one_shortage_is_told_the_first() -> None:
    shortages = [
        Shortage((), "cpu", 2000, 3000, 4000, ()),
        Shortage((), "attempts", 1, 4, 4, ()),
        Shortage(("ml",), "gpu", 1, 2, 2, ()),
    ]
    assert shown_shortages(shortages) == "2 CPU: the platform uses 3 of 4; 1 GPU: team ml uses 2 of 2"


def test_without_a_shortage_it_is_the_turn_that_is_waited_for() -> None:
    assert shown_shortages([]) == "its turn"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), QuotaPlace()),
        (("ml",), QuotaPlace(team="ml")),
        (("ml", "vision"), QuotaPlace(project="vision")),
        (("ml", "vision", "staging"), QuotaPlace(project="vision", domain="staging")),
    ],
)
def test_a_path_is_the_place_of_a_quota(path: tuple[str, ...], place: QuotaPlace) -> None:
    assert place_of(path) == place


def test_shortages_are_told_with_all_that_is_known_of_them() -> None:
    held = (("vision", 3),)
    told = shortfalls([Shortage(("ml",), "cpu", 2, 3, 4, held)])
    assert told == (Shortfall(QuotaPlace(team="ml"), "cpu", 2, 3, 4, held),)


@pytest.mark.parametrize(("asked", "never"), [(3, False), (4, False), (5, True)])
def test_what_is_more_than_the_limit_never_fits(asked: int, never: bool) -> None:
    assert Shortage((), "cpu", asked, 0, 4, ()).never is never
