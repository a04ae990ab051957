"""The loop around the core: take an execution's events, evaluate, commit, carry out the commands.

Each execution has one owner, which events wake. The room must not know what a node kind does
next (that is the core's), nor how states are stored, attempts are run or who reads the history:
it meets them as ports. It reads no clock and waits for no time but through `Clock`, so that a
simulation can drive it.

Where things lie, and why nothing is lost:

- **State** is what the core decided. It is stored before anything comes of it. A command whose
  answer the state waits for (start an attempt, start a child, collect outputs, a timer) is not
  stored a second time: after a restart `propeller.core.resume.outstanding` derives it from the
  state. Only commands that nothing waits for (the aborts) are kept in the outbox until done.
- **Outputs** lie in the object store, where tasks write them and everybody reads them. Those of at
  most `inline_outputs_bytes_max` bytes are also kept in the very commit that records the success,
  larger ones are synced before it. When an execution is taken over, files that a power cut took
  are written again from the commit.
- **History** is stored in the commit that makes it true, and dropped once the sink has it.
"""

from propeller.engine.engine import Engine
from propeller.engine.outside import Ports
from propeller.engine.settings import EngineSettings

__all__ = ["Engine", "EngineSettings", "Ports"]
