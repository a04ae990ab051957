"""What wishes for teams, projects and quotas come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.controlplane.errors import Faults
from flytelike.controlplane.tenancy.planning import Plan, planned
from flytelike.controlplane.tenancy.wishes import Action, Mode, ProjectWish, QuotaWish, TeamWish, Wanted, Wish
from flytelike.model.quota import DEFAULT_TEAM, QuotaPlace, QuotaTerms
from flytelike.model.tenancy import OwnedProject, Team, Tenancy

DOMAINS = ["development", "production"]
THERE = Tenancy(
    {DEFAULT_TEAM: Team(DEFAULT_TEAM), "ml": Team("ml"), "old": Team("old", archived=True)},
    {"vision": OwnedProject("vision", team="ml"), "loose": OwnedProject("loose")},
    {QuotaPlace(team="ml"): QuotaTerms({"cpu": 4000})},
)


def plan(*wishes: Wish, mode: Mode = Mode.ANY, there: Tenancy = THERE) -> Plan:
    faults = Faults()
    made = planned(there, [Wanted(wish, mode) for wish in wishes], DOMAINS, faults)
    assert faults.found == ()
    return made


def faults_of(*wishes: Wish, mode: Mode = Mode.ANY) -> list[str]:
    faults = Faults()
    planned(THERE, [Wanted(wish, mode) for wish in wishes], DOMAINS, faults)
    return [fault.code for fault in faults.found]


def quota(place: str, limits: dict[str, int] | None = None, guaranteed: dict[str, int] | None = None) -> QuotaWish:
    return QuotaWish(QuotaPlace.parse(place), QuotaTerms(limits or {}, guaranteed or {}))


def test_what_is_not_said_stays() -> None:
    made = plan(ProjectWish("vision", description="sees"))
    assert made.after.projects["vision"] == OwnedProject("vision", "sees", team="ml")
    (change,) = made.changes
    assert (change.action, [(it.name, it.before, it.after) for it in change.fields]) == (
        Action.CHANGE,
        [("description", "", "sees")],
    )


def test_a_team_may_be_wanted_after_what_belongs_to_it() -> None:
    made = plan(quota("team:new", {"cpu": 1000}), ProjectWish("fresh", team="new"), TeamWish("new"))
    assert [change.action for change in made.changes] == [Action.CREATE] * 3


def test_a_quota_is_removed() -> None:
    made = plan(QuotaWish(QuotaPlace(team="ml"), None))
    assert (made.changes[0].action, dict(made.after.quotas)) == (Action.REMOVE, {})


def test_a_quota_that_says_nothing_any_more_is_gone() -> None:
    made = plan(quota("team:ml"))
    assert (made.changes[0].action, dict(made.after.quotas)) == (Action.REMOVE, {})
    assert [(field.name, field.after) for field in made.changes[0].fields] == [("limits", ""), ("weight", "")]
    assert plan(quota("vision")).changes[0].action is Action.NONE


@pytest.mark.parametrize("left", [QuotaTerms(guaranteed={"cpu": 1}), QuotaTerms(weight=2.0), QuotaTerms({"cpu": 0})])
def test_a_quota_that_still_says_something_stays(left: QuotaTerms) -> None:
    assert plan(QuotaWish(QuotaPlace(team="ml"), left)).after.quotas == {QuotaPlace(team="ml"): left}


_WISHES = st.lists(
    st.one_of(
        st.builds(TeamWish, st.sampled_from(["ml", "web"]), description=st.none() | st.just("x")),
        st.builds(ProjectWish, st.sampled_from(["vision", "shop"]), labels=st.none() | st.just({"a": "b"})),
        st.builds(
            QuotaWish,
            st.just(QuotaPlace(project="vision")),
            st.none() | st.sampled_from([QuotaTerms(), QuotaTerms({"attempts": 3})]),
        ),
    ),
    unique_by=lambda wish: (type(wish), getattr(wish, "name", getattr(wish, "id", ""))),
)


@given(_WISHES)
def test_who_wants_the_same_again_changes_nothing(wishes: list[Wish]) -> None:
    again = plan(*wishes, there=plan(*wishes).after)
    assert {change.action for change in again.changes} <= {Action.NONE}


@given(_WISHES)
def test_the_order_of_wishes_does_not_matter(wishes: list[Wish]) -> None:
    assert plan(*wishes).after == plan(*reversed(wishes)).after


def test_plans_are_known_by_what_they_change() -> None:
    assert plan(TeamWish("web")).digest == plan(TeamWish("web")).digest != plan(TeamWish("shop")).digest


@pytest.mark.parametrize(
    ("wish", "codes"),
    [
        (TeamWish("No"), ["invalid-team-name"]),
        (TeamWish("ml", labels={"": "x"}), ["invalid-label"]),
        (TeamWish("ml", labels={str(n): "x" for n in range(17)}), ["too-many-labels"]),
        (TeamWish("ml", description="x" * 301), ["description-too-long"]),
        (TeamWish("ml", archived=True), ["team-in-use"]),
        (TeamWish(DEFAULT_TEAM, archived=True), ["team-in-use"]),
        (ProjectWish("vision", team="nobody"), ["unknown-team"]),
        (ProjectWish("vision", team="old"), ["archived-team"]),
        (ProjectWish("No"), ["invalid-project-id"]),
        (quota("team:nobody"), ["unknown-team"]),
        (quota("nothing"), ["unknown-project"]),
        (quota("vision/stage"), ["unknown-domain"]),
        (quota("vision", {"tpu": 1}), ["invalid-quota"]),
        (quota("vision", {"cpu": 2**60}), ["invalid-quota"]),
        (quota("vision", {"cpu": 1}, {"cpu": 2}), ["invalid-quota"]),
        (quota("vision", {}, {"executions": 2}), ["invalid-quota"]),
        (quota("vision", {}, {"cpu": 4001}), ["invalid-quota"]),
        (QuotaWish(QuotaPlace(), QuotaTerms(weight=0)), ["invalid-quota"]),
        (QuotaWish(QuotaPlace(), QuotaTerms(weight=float("nan"))), ["invalid-quota"]),
    ],
)
def test_what_cannot_be_is_told(wish: Wish, codes: list[str]) -> None:
    assert faults_of(wish) == codes


def test_all_faults_are_told_at_once() -> None:
    told = faults_of(TeamWish("No"), ProjectWish("vision", team="nobody"), ProjectWish("vision"))
    assert sorted(told) == ["invalid-team-name", "unknown-team", "wanted-twice"]


@pytest.mark.parametrize(
    ("wish", "mode", "codes"),
    [
        (TeamWish("ml"), Mode.CREATE, ["team-exists"]),
        (TeamWish("web"), Mode.CHANGE, ["unknown-team"]),
        (ProjectWish("vision"), Mode.CREATE, ["project-exists"]),
        (QuotaWish(QuotaPlace(project="vision"), None), Mode.CHANGE, ["unknown-quota"]),
    ],
)
def test_who_creates_wants_nothing_to_be_there_and_who_changes_something(
    wish: Wish, mode: Mode, codes: list[str]
) -> None:
    assert faults_of(wish, mode=mode) == codes


def test_guarantees_of_the_parts_fit_into_the_whole() -> None:
    parts = [quota("vision", {}, {"cpu": 3000}), ProjectWish("sound", team="ml"), quota("sound", {}, {"cpu": 2000})]
    assert faults_of(*parts) == ["invalid-quota"]
    assert faults_of(*parts, quota("team:ml", {"cpu": 5000})) == []
