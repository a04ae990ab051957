"""Teams, the projects they own, and quotas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from flytelike.model.quota import DEFAULT_TEAM, QuotaPlace, QuotaTerms

Labels: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Team:
    """A team."""

    name: str
    description: str = ""
    labels: Labels = field(default_factory=dict)
    archived: bool = False


@dataclass(frozen=True, slots=True)
class OwnedProject:
    """A project, as far as tenancy goes."""

    id: str
    description: str = ""
    labels: Labels = field(default_factory=dict)
    team: str = DEFAULT_TEAM
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Tenancy:
    """All there is."""

    teams: Mapping[str, Team] = field(default_factory=dict)
    projects: Mapping[str, OwnedProject] = field(default_factory=dict)
    quotas: Mapping[QuotaPlace, QuotaTerms] = field(default_factory=dict)
