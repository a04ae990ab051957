"""Quotas: whose they are, what they bound, and how people write amounts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from typing_extensions import override

from flytelike.model.quantity import amount_of

CPU = "cpu"
"""Thousandths of a processor."""
MEMORY = "memory"
"""Bytes."""
GPU = "gpu"
"""Devices of any kind; those of one kind are counted as `gpu/<kind>` too."""
ATTEMPTS = "attempts"
"""Attempts of tasks that run."""
MAP_ELEMENTS = "map_elements"
"""Those of them that belong to arrays."""
EXECUTIONS = "executions"
"""Executions that run and that no other one started."""
STORED_BYTES = "stored_bytes"
"""What uploads and attempts have stored."""

RESOURCES = (CPU, MEMORY, GPU, ATTEMPTS, MAP_ELEMENTS, EXECUTIONS, STORED_BYTES)
SHARED = (CPU, MEMORY, GPU, ATTEMPTS, MAP_ELEMENTS)
"""What attempts are granted, and guarantees can be given of; the others are counted only."""

DEFAULT_TEAM = "default"
"""The team of projects that were given to none."""

AMOUNT_MAX = 2**53
"""What JSON's readers keep exactly."""
KIND_MAX = 63

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_BYTES = frozenset({MEMORY, STORED_BYTES})
_UNITS = {CPU: "CPU", MEMORY: "of memory", STORED_BYTES: "of stored data", GPU: "GPU"}

Amounts = Mapping[str, int]
"""Resource -> amount, in whole units."""


@dataclass(frozen=True, slots=True, order=True)
class QuotaPlace:
    """Whose a quota is: a team's, a project's, that of a domain of a project, or with nothing set the platform's.

    Raises:
        ValueError: a team with a project, or a domain without one.
    """

    team: str = ""
    project: str = ""
    domain: str = ""

    def __post_init__(self) -> None:
        if (self.team and self.project) or (self.domain and not self.project):
            raise ValueError("a quota is a team's, a project's, or that of a project's domain")

    @override
    def __str__(self) -> str:
        """Return it as people write it: `team:NAME`, `PROJECT`, `PROJECT/DOMAIN` or `platform:`."""
        if self.team:
            return f"team:{self.team}"
        return "/".join(filter(None, (self.project, self.domain))) or "platform:"

    @classmethod
    def parse(cls, text: str) -> "QuotaPlace":
        """Return the place that people write so.

        Raises:
            ValueError: it is none.
        """
        kind, colon, name = text.partition(":")
        if colon:
            if (kind == "platform" and not name) or (kind == "team" and name and "/" not in name):
                return cls(team=name)
        else:
            project, slash, domain = text.partition("/")
            if project and (domain or not slash) and "/" not in domain:
                return cls(project=project, domain=domain)
        raise ValueError(f"{text!r} is no place: write team:NAME, PROJECT, PROJECT/DOMAIN or platform:")


@dataclass(frozen=True, slots=True)
class PlaceUse:
    """What attempts use at and below a place, in units as its quota, and how many wait there."""

    used: Amounts
    waiting: int


@dataclass(frozen=True, slots=True)
class QuotaTerms:
    """What a quota says: limits are never exceeded, guarantees come first, the rest goes by weight.

    Amounts are in whole units. A resource that is not named is not bounded, and nothing of it guaranteed.
    """

    limits: Amounts = field(default_factory=dict)
    guaranteed: Amounts = field(default_factory=dict)
    weight: float = 1.0

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing that does not hold without it."""
        return not self.limits and not self.guaranteed and self.weight == 1.0


def is_resource(name: str) -> bool:
    """Tell whether quotas know a resource."""
    kind = name.removeprefix(f"{GPU}/")
    return name in RESOURCES or (kind != name and 0 < len(kind) <= KIND_MAX and kind.isprintable())


def amount_from(resource: str, text: str) -> int:
    """Return how much people mean: `1.5` processors, `64Gi` of memory, `10` attempts.

    Raises:
        ValueError: it is no amount of this resource.
    """
    exact = amount_of(text) * (1000 if resource == CPU else 1)
    amount = ceil(exact)
    if amount != exact and resource != CPU and resource not in _BYTES:
        raise ValueError(f"{text!r} is no whole number")
    if amount > AMOUNT_MAX:
        raise ValueError(f"{text!r} is more than there can be")
    return amount


def shown_amount(resource: str, amount: int) -> str:
    """Return an amount as people read it: `1.5 CPU`, `2 GiB of memory`, `3 attempts`."""
    if resource.startswith(f"{GPU}/"):
        unit = f"GPU of type {resource.removeprefix(f'{GPU}/')}"
    else:
        unit = _UNITS.get(resource, resource.replace("_", " ").removesuffix("s") + "s" * (amount != 1))
    return f"{shown_number(resource, amount)} {unit}"


def shown_number(resource: str, amount: int) -> str:
    """Return an amount without what it is an amount of."""
    if resource == CPU:
        return f"{amount / 1000:g}"
    if resource not in _BYTES:
        return str(amount)
    power = min(max(amount.bit_length() - 1, 0) // 10, len(_BINARY) - 1)
    return f"{amount / 1024**power:.4g} {_BINARY[power]}"


def shown_amounts(amounts: Amounts) -> str:
    """Return amounts in a phrase, in the order of `RESOURCES`."""
    return ", ".join(f"{name} {shown_number(name, amounts[name])}" for name in sorted(amounts, key=resource_order))


def resource_order(name: str) -> tuple[int, str]:
    """Return a key to sort resources by as people list them; those that nobody knows come last."""
    kind = name.partition("/")[0]
    return (RESOURCES.index(kind) if kind in RESOURCES else len(RESOURCES)), name
