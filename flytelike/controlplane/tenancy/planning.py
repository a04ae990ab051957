"""What wishes change, and everything that is wrong with them. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar, assert_never

from flytelike.controlplane.errors import Faults
from flytelike.controlplane.naming import check_project_id
from flytelike.controlplane.tenancy.terms import check_guarantees, check_terms
from flytelike.controlplane.tenancy.wishes import (
    Action,
    Change,
    FieldChange,
    Mode,
    ProjectWish,
    QuotaWish,
    TeamWish,
    Wanted,
    Wish,
)
from flytelike.model.quota import DEFAULT_TEAM, QuotaPlace, QuotaTerms, shown_amounts
from flytelike.model.tenancy import Labels, OwnedProject, Team, Tenancy

LABELS_MAX = 16
LABEL_CHARACTERS_MAX = 63
DESCRIPTION_MAX = 300

Owned = TypeVar("Owned", Team, OwnedProject)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is there once the wishes are carried out, and what changes: one for each wish."""

    after: Tenancy
    changes: tuple[Change, ...]

    @property
    def digest(self) -> str:
        """A name for these very changes."""
        text = json.dumps([_document(change) for change in self.changes])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def planned(before: Tenancy, wanted: Sequence[Wanted], domains: Sequence[str], faults: Faults) -> Plan:
    """Return what wishes come to; notes all that is wrong with them.

    Args:
        before: What is there.
        wanted: What is wished, in any order.
        domains: Those that every project has.
        faults: Filled with what is wrong; the plan cannot be carried out then.
    """
    planning = _Planning(dict(before.teams), dict(before.projects), dict(before.quotas), faults)
    seen: set[tuple[type, object]] = set()
    changes = []
    for one in wanted:
        kind, name = named(one.wish)
        if (type(one.wish), name) in seen:
            faults.add("wanted-twice", f"the {kind} {name} is wanted twice", "say it once")
        seen.add((type(one.wish), name))
        changes.append(planning.change(one))
    after = Tenancy(planning.teams, planning.projects, planning.quotas)
    _check_teams(before, after, faults)
    for one in wanted:
        _check_wish(one.wish, after, domains, faults)
    check_guarantees(after, faults)
    return Plan(after, tuple(changes))


def named(wish: Wish) -> tuple[str, str]:
    """Return what kind of thing a wish is about, and which."""
    match wish:
        case TeamWish():
            return "team", wish.name
        case ProjectWish():
            return "project", wish.id
        case QuotaWish():
            return "quota", str(wish.place)
        case _:
            assert_never(wish)


@dataclass(slots=True)
class _Planning:
    """What there is, as far as wishes were looked at."""

    teams: dict[str, Team]
    projects: dict[str, OwnedProject]
    quotas: dict[QuotaPlace, QuotaTerms]
    faults: Faults

    def change(self, wanted: Wanted) -> Change:
        """Take one wish in."""
        wish = wanted.wish
        match wish:
            case TeamWish():
                old = self.teams.get(wish.name)
                new = self.teams[wish.name] = _wished(old or Team(wish.name), wish)
                return self._changed(wanted, old is not None, _field_changes(_shown(old) if old else {}, _shown(new)))
            case ProjectWish():
                owned = self.projects.get(wish.id)
                then = self.projects[wish.id] = _wished(owned or OwnedProject(wish.id), wish)
                return self._changed(
                    wanted, owned is not None, _field_changes(_shown(owned) if owned else {}, _shown(then))
                )
            case QuotaWish():
                return self._quota(wanted, wish)
            case _:
                assert_never(wish)

    def _quota(self, wanted: Wanted, wish: QuotaWish) -> Change:
        old = self.quotas.get(wish.place)
        # One whose last limit is taken away goes: it would stay in every list and say nothing.
        if wish.terms is not None and not wish.terms.is_empty:
            self.quotas[wish.place] = wish.terms
            return self._changed(
                wanted, old is not None, _field_changes(_terms(old) if old else {}, _terms(wish.terms))
            )
        change = self._changed(wanted, old is not None, ())
        if old is None:
            return replace(change, action=Action.NONE)
        del self.quotas[wish.place]
        return replace(change, action=Action.REMOVE, fields=_field_changes(_terms(old), {}))

    def _changed(self, wanted: Wanted, there: bool, changed: tuple[FieldChange, ...]) -> Change:
        kind, name = named(wanted.wish)
        if there and wanted.mode is Mode.CREATE:
            self.faults.add(f"{kind}-exists", f"there is a {kind} {name} already")
        if not there and wanted.mode is Mode.CHANGE:
            self.faults.add(f"unknown-{kind}", f"there is no {kind} {name}")
        action = (Action.CHANGE if changed else Action.NONE) if there else Action.CREATE
        return Change(kind, name, action, changed)


def _wished(thing: Owned, wish: TeamWish | ProjectWish) -> Owned:
    said = {field.name: getattr(wish, field.name) for field in fields(wish)}
    return replace(thing, **{name: value for name, value in said.items() if value is not None})


def _shown(thing: Team | OwnedProject) -> Mapping[str, str]:
    shown = {
        "description": thing.description,
        "labels": ", ".join(f"{key}={value}" for key, value in sorted(thing.labels.items())),
        "archived": "yes" if thing.archived else "",
    }
    return shown if isinstance(thing, Team) else {**shown, "team": thing.team}


def _terms(terms: QuotaTerms) -> Mapping[str, str]:
    return {
        "limits": shown_amounts(terms.limits),
        "guaranteed": shown_amounts(terms.guaranteed),
        "weight": f"{terms.weight:g}",
    }


def _field_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FieldChange, ...]:
    pairs = ((name, before.get(name, ""), after.get(name, "")) for name in dict.fromkeys([*before, *after]))
    return tuple(FieldChange(*pair) for pair in pairs if pair[1] != pair[2])


def _check_wish(wish: Wish, after: Tenancy, domains: Sequence[str], faults: Faults) -> None:
    match wish:
        case TeamWish():
            _check_team_name(wish.name, faults)
            _check_texts(wish.description, wish.labels, f"team {wish.name}", faults)
        case ProjectWish():
            check_project_id(wish.id, faults)
            _check_texts(wish.description, wish.labels, f"project {wish.id}", faults)
            if wish.team is not None:
                check_owner(after.teams.get(wish.team), wish.team, faults)
        case QuotaWish():
            _check_place(wish.place, after, domains, faults)
            if wish.terms is not None:
                check_terms(wish.place, wish.terms, faults)
        case _:
            assert_never(wish)


def check_owner(team: Team | None, name: str, faults: Faults) -> None:
    """Note a team that cannot be given projects: one that is unknown or archived."""
    if team is None:
        faults.add("unknown-team", f"there is no team {name!r}", "create it with `flytelike team create`")
    elif team.archived:
        faults.add("archived-team", f"the team {name!r} is archived", "choose another, or bring it back")


def _check_place(place: QuotaPlace, after: Tenancy, domains: Sequence[str], faults: Faults) -> None:
    if place.team and place.team not in after.teams:
        faults.add("unknown-team", f"there is no team {place.team!r}", "create it with `flytelike team create`")
    if place.project and place.project not in after.projects:
        told = f"there is no project {place.project!r}"
        faults.add("unknown-project", told, "create it with `flytelike project create`")
    if place.domain and place.domain not in domains:
        faults.add("unknown-domain", f"there is no domain {place.domain!r}", f"choose from {', '.join(domains)}")


def _check_team_name(name: str, faults: Faults) -> None:
    found = Faults()
    check_project_id(name, found)
    if found:
        faults.add(
            "invalid-team-name",
            f"{name[:80]!r} cannot be a team's name",
            "use at most 63 lower-case letters, digits and dashes, beginning and ending with no dash",
        )


def _check_texts(description: str | None, labels: Labels | None, whose: str, faults: Faults) -> None:
    if len(description or "") > DESCRIPTION_MAX:
        faults.add("description-too-long", f"the description of {whose} has more than {DESCRIPTION_MAX} characters")
    if len(labels or {}) > LABELS_MAX:
        faults.add("too-many-labels", f"{whose} has more than {LABELS_MAX} labels")
    for key, value in (labels or {}).items():
        if not key or not all(len(text) <= LABEL_CHARACTERS_MAX and text.isprintable() for text in (key, value)):
            faults.add(
                "invalid-label",
                f"{key[:80]!r} with {value[:80]!r} cannot be a label of {whose}",
                f"use printable characters, at most {LABEL_CHARACTERS_MAX} for each",
            )


def _check_teams(before: Tenancy, after: Tenancy, faults: Faults) -> None:
    """Note teams that are archived now though they have projects."""
    archived = {name for name, team in after.teams.items() if team.archived}
    if DEFAULT_TEAM in archived:
        faults.add("team-in-use", f"the team {DEFAULT_TEAM} is whose projects are that belong to no other; it stays")
    for name in sorted(archived - {DEFAULT_TEAM}):
        old = before.teams.get(name)
        if (old is None or not old.archived) and (projects := list(_active_projects(after, name))):
            shown = ", ".join(projects[:5])
            faults.add(
                "team-in-use",
                f"the team {name} has {len(projects)} active projects: {shown}",
                "archive them, or give them to another team",
            )


def _active_projects(tenancy: Tenancy, team: str) -> Iterator[str]:
    return (project.id for project in tenancy.projects.values() if project.team == team and not project.archived)


def _document(change: Change) -> list[object]:
    changed = [[field.name, field.before, field.after] for field in change.fields]
    return [change.kind, change.name, change.action.value, changed]
