"""What can go wrong in a simulated world, drawn by lot: calm worlds and rough ones alike."""

import random
from dataclasses import dataclass

from propeller.engine import EngineSettings
from tests.simulation.engine.loop import S

TRIES_MAX = 30
"""So many that a port that fails by chance never uses them up."""


@dataclass(frozen=True)
class Weather:
    """Chances for each thing that can go wrong.

    `crash` is the chance of a death at each callback of the engine's loop, `restarts` how often it
    is closed in good order; with `power` its deaths are power cuts. `away` is the chance of each
    port call to fail without effect, `unheard` the one to fail after it. `late` is the chance that
    a commit which was under way at a death is stored afterwards. Attempts `survive` the engine
    where their executor is another machine. `fenced` engines own the store: a late commit of one that
    was replaced is refused.
    """

    crash: float
    restarts: int
    power: bool
    away: float
    unheard: float
    late: float
    duplicate: float
    noise: float
    clock_jump: float
    bad_end: float
    survives: bool
    abort_at_ns: int
    fenced: bool = False

    @property
    def ends_unheard(self) -> bool:
        """Whether an execution may be ended by a late commit that the engine does not know of yet."""
        return bool(self.late) and not self.fenced

    @staticmethod
    def drawn(rng: random.Random) -> "Weather":
        survives = rng.random() < 0.4
        return Weather(
            crash=rng.choice([0.0, 0.002, 0.01]),
            restarts=rng.choice([0, 0, 0, 1, 2]),
            power=not survives and rng.random() < 0.5,
            away=rng.choice([0.0, 0.0, 0.03, 0.1]),
            unheard=rng.choice([0.0, 0.0, 0.03]),
            late=rng.choice([0.0, 0.5]),
            duplicate=rng.choice([0.0, 0.1, 0.4]),
            noise=rng.choice([0.0, 0.0, 0.02]),
            clock_jump=rng.choice([0.0, 0.0, 0.01]),
            bad_end=rng.choice([0.0, 0.1, 0.3, 0.6]),
            survives=survives,
            abort_at_ns=rng.randint(0, 200 * S) if rng.random() < 0.15 else 0,
        )


def drawn_settings(rng: random.Random) -> EngineSettings:
    """Draw settings, small ones as often as the usual: limits are where mistakes are."""
    return EngineSettings(
        "mem://meta",
        "mem://raw",
        inline_outputs_bytes_max=rng.choice([0, 64 * 1024]),
        cache_bytes_max=rng.choice([1, 64 * 1024 * 1024]),
        executions_max=rng.choice([1, 1000]),
        events_max=rng.choice([1, 3, 1000]),
        effects_max=rng.choice([1, 2, 64]),
        history_batch=rng.choice([1, 5, 1000]),
        history_waiting_max=rng.choice([3, 20_000]),
        tries_max=TRIES_MAX,
        retention_ns=rng.choice([0, 3_000 * S]),
    )
