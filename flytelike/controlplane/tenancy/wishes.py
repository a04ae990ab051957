"""Teams, projects and quotas as somebody wants them, and what changes."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from flytelike.model.quota import QuotaPlace, QuotaTerms
from flytelike.model.tenancy import Labels


@dataclass(frozen=True, slots=True)
class TeamWish:
    """A team as it is to be; None leaves a field as it is."""

    name: str
    description: str | None = None
    labels: Labels | None = None
    archived: bool | None = None


@dataclass(frozen=True, slots=True)
class ProjectWish:
    """A project as it is to be; None leaves a field as it is."""

    id: str
    description: str | None = None
    labels: Labels | None = None
    team: str | None = None
    archived: bool | None = None


@dataclass(frozen=True, slots=True)
class QuotaWish:
    """A quota as it is to be, as a whole; None: there is to be none."""

    place: QuotaPlace
    terms: QuotaTerms | None


Wish: TypeAlias = TeamWish | ProjectWish | QuotaWish


class Mode(Enum):
    """What a wish asks of the thing it names."""

    ANY = 0
    CREATE = 1
    """It is not there yet."""
    CHANGE = 2
    """It is there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One wish."""

    wish: Wish
    mode: Mode = Mode.ANY


class Action(Enum):
    """What happens to a thing; the values are `service.TenancyAction`'s."""

    NONE = 1
    CREATE = 2
    CHANGE = 3
    REMOVE = 4


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that changes, as people write it."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one thing: a `team`, `project` or `quota`."""

    kind: str
    name: str
    action: Action
    fields: tuple[FieldChange, ...] = ()
