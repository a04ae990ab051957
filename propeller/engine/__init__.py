"""The loop around the core: take an execution's events, evaluate, commit, carry out the commands.

One owner for each execution, woken by events. The engine must not know what a node kind
does next (that is the core's), nor how states are stored or attempts are run.
"""

from propeller.engine.engine import Engine
from propeller.engine.settings import EngineSettings

__all__ = ["Engine", "EngineSettings"]
