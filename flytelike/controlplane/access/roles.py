"""Roles and what they permit. Pure: no clock, no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from typing_extensions import override

DEFAULT_TEAM = "default"
"""The team of projects of which nobody has said one."""


class Action(IntEnum):
    """What a call does; whoever may do one of these may do those before it."""

    READ = 1
    LAUNCH = 2
    REGISTER = 3
    ADMINISTER = 4


class Role(Enum):
    """What somebody may do within a scope; the value is the name that people write."""

    VIEWER = "viewer"
    LAUNCHER = "launcher"
    CONTRIBUTOR = "contributor"
    ADMIN = "admin"

    @property
    def reach(self) -> Action:
        """The most that the role permits."""
        return _REACH[self]


_REACH = {
    Role.VIEWER: Action.READ,
    Role.LAUNCHER: Action.LAUNCH,
    Role.CONTRIBUTOR: Action.REGISTER,
    Role.ADMIN: Action.ADMINISTER,
}
NEEDED = {reach: role for role, reach in _REACH.items()}
"""The least role that permits an action."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call does something, or where a grant holds.

    All empty is the whole platform; a team all of its projects; a project without a domain all of its domains.
    """

    project: str = ""
    domain: str = ""
    team: str = ""

    @override
    def __str__(self) -> str:
        if self.team:
            return f"team {self.team}"
        return f"{self.project}/{self.domain}" if self.domain else self.project or "the platform"


PLATFORM = Place()


class SubjectKind(Enum):
    """Whom a grant is for."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Subject:
    """A user or a group, by name."""

    kind: SubjectKind
    name: str

    @override
    def __str__(self) -> str:
        return f"{self.kind.value}:{self.name}"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that a subject has within a place."""

    subject: Subject
    role: Role
    place: Place


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do: the farthest action by place, and the team of each project.

    `platform` is 0 where nothing holds for the whole platform.
    """

    platform: int = 0
    teams: Mapping[str, int] = field(default_factory=dict)
    projects: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[tuple[str, str], int] = field(default_factory=dict)
    team_of: Mapping[str, str] = field(default_factory=dict)

    def allows(self, action: Action, place: Place) -> bool:
        """Tell whether the action is permitted there; what is not granted is not permitted."""
        if self.platform >= action:
            return True
        if place.team:
            return self.teams.get(place.team, 0) >= action
        if not place.project:
            return False
        if self.projects.get(place.project, 0) >= action:
            return True
        if self.teams and self.teams.get(self.team_of.get(place.project, DEFAULT_TEAM), 0) >= action:
            return True
        return bool(place.domain) and self.places.get((place.project, place.domain), 0) >= action

    def sees(self, project: str) -> bool:
        """Tell whether somebody may know of a project: who may read one of its domains."""
        return self.allows(Action.READ, Place(project)) or any(known == project for known, _ in self.places)

    def teams_seen(self) -> frozenset[str] | None:
        """Return the teams that somebody may know of: those they have a role in, by a project too; None for all."""
        if self.platform >= Action.READ:
            return None
        known = {*self.projects, *(project for project, _ in self.places)}
        return frozenset({*self.teams, *(self.team_of.get(project, DEFAULT_TEAM) for project in known)})


EVERYTHING = Rights(platform=Action.ADMINISTER)
NOTHING = Rights()


def rights_of(grants: Iterable[Grant], team_of: Mapping[str, str]) -> Rights:
    """Return what grants come to together."""
    platform = 0
    teams: dict[str, int] = {}
    projects: dict[str, int] = {}
    places: dict[tuple[str, str], int] = {}
    for grant in grants:
        place, reach = grant.place, int(grant.role.reach)
        if place.team:
            teams[place.team] = max(reach, teams.get(place.team, 0))
        elif place.project and place.domain:
            key = (place.project, place.domain)
            places[key] = max(reach, places.get(key, 0))
        elif place.project:
            projects[place.project] = max(reach, projects.get(place.project, 0))
        else:
            platform = max(reach, platform)
    return Rights(platform, teams, projects, places, team_of)
