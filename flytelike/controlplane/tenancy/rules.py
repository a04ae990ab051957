"""What decides who may begin. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flytelike.model.quota import DEFAULT_TEAM, QuotaPlace, QuotaTerms


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides who may begin: quotas, and whose each project is (those not named are the default team's)."""

    quotas: Mapping[QuotaPlace, QuotaTerms] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)

    def team_of(self, project: str) -> str:
        """Return the team that owns a project."""
        return self.teams.get(project, DEFAULT_TEAM)

    def places(self, project: str, domain: str) -> tuple[QuotaPlace, ...]:
        """Return the places that something in a project's domain counts for, outermost first."""
        team = QuotaPlace(team=self.team_of(project))
        return QuotaPlace(), team, QuotaPlace(project=project), QuotaPlace(project=project, domain=domain)

    def terms(self, project: str, domain: str) -> list[QuotaTerms]:
        """Return the quotas that something in a project's domain counts for, outermost first."""
        return [self.quotas[place] for place in self.places(project, domain) if place in self.quotas]
