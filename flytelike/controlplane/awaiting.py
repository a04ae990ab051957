"""Waiting for a database that does not answer yet: it may be starting, or its name not be known."""

import time
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import text

from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal

PAUSE_S = 0.5
PAUSE_MAX_S = 5.0
TOLD_EVERY_S = 30.0


def until_answers(
    database: Database,
    patience_s: float,
    told: Callable[[Refusal], None],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Return once the database answers; it is asked at least once.

    Args:
        database: The database.
        patience_s: How long it is asked again while it is unavailable.
        told: Is called with why it is, at first and every half a minute.
        clock: Seconds, from any moment on.
        pause: Waits so many seconds.

    Raises:
        Refusal: `database-unavailable` when patience is over; anything else that is wrong, at once.
    """
    begun, due, pause_s = clock(), float("-inf"), PAUSE_S
    while True:
        try:
            database.read_now(lambda connection: connection.execute(text("SELECT 1")))
        except Refusal as error:
            waited_s = clock() - begun
            if not error.passing:
                raise
            if waited_s + pause_s > patience_s:
                raise _given_up(error, waited_s) if patience_s else error from error
            if clock() >= due:
                told(error)
                due = clock() + TOLD_EVERY_S
            pause(pause_s)
            pause_s = min(pause_s * 2, PAUSE_MAX_S)
        else:
            return


def _given_up(error: Refusal, waited_s: float) -> Refusal:
    """Return the refusal, saying how long was waited."""
    first, *others = error.diagnostics
    return Refusal(error.status, (replace(first, headline=f"{first.headline} (after {waited_s:.0f} s)"), *others))
