"""Templates to linked, checked closures, or diagnostics. Pure: no I/O, no clock, no protobuf.

`compile` is the door. The package must not read files: who renders a diagnostic gives the
source lines.
"""

from flytelike.compiler.casting import castable
from flytelike.compiler.compile import Compiled, Known, Rejected, check, compile  # noqa: A004 - the door's name

__all__ = ["Compiled", "Known", "Rejected", "castable", "check", "compile"]
