"""Small faults of every kind, as the mutation run plants them."""

import ast

import pytest

from tests.simulation.faults import faults_of, planted
from tests.simulation.mutation import known, targets


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = a < b", ["x = a <= b"]),
        ("x = a is None", ["x = a is not None"]),
        ("x = a and b", ["x = a or b"]),
        ("x = not a", ["x = a"]),
        ("x = a + 1", ["x = a - 1", "x = a + 2"]),
        ("x += n", ["x -= n"]),
        ("x = True", ["x = False"]),
        ("f(x)", ["pass"]),
        ("a.b = c", ["pass"]),
        ("if f(x):\n    y = z", ["if not f(x):\n    y = z"]),
        ("def f(x: int) -> int:\n    return x", ["def f(x: int) -> int:\n    return None"]),
        ("assert_never(x)", []),
        ("'text'", []),
    ],
)
def test_a_fault_changes_one_thing(before: str, after: list[str]) -> None:
    assert [ast.unparse(planted(before, fault)) for fault in faults_of(before)] == after


def test_faults_have_names_of_their_own_and_are_told_from_each_other() -> None:
    names = [target.name for target in targets(())]
    assert len(names) > 1_000
    assert len(set(names)) == len(names)


def test_what_is_said_to_change_nothing_can_be_planted_and_has_a_reason() -> None:
    names = {target.name for target in targets(())}
    assert {name: reason for name, reason in known().items() if name not in names or not reason} == {}
