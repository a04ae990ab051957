"""What pyright finds incomplete in the rooms that authors import from: a name without a known type.

A checker that has to guess a type may guess another one than its neighbour.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.spec.markdown import ROOT

ROOMS = (
    "flytelike.bundle",
    "flytelike.compiler",
    "flytelike.model",
    "flytelike.sdk",
    "flytelike.storage",
    "flytelike.types",
)

OURS = ("flytelike.types.inputs",)
"""Inside of these rooms, but for the command line alone: no author imports from here."""


def incomplete() -> Iterator[str]:
    """Yield the public names whose type is unknown, or could be inferred differently."""
    # It looks for packages where the first `python` of the path has them.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--verifytypes", "flytelike", "--ignoreexternal", "--outputjson"],
        capture_output=True, text=True, cwd=ROOT, check=False, env={**os.environ, "PATH": path},
    )  # fmt: skip
    found = json.loads(done.stdout)["typeCompleteness"]
    assert found["symbols"], "pyright finds no flytelike"
    for symbol in found["symbols"]:
        name = symbol["name"]
        public = name.count(".") == 1 or (name.startswith(ROOMS) and not name.startswith(OURS))
        if public and symbol["isExported"] and not symbol["isTypeKnown"]:
            yield f"{name}: {'; '.join(told['message'] for told in symbol['diagnostics'])}"


if __name__ == "__main__":
    faults = list(incomplete())
    print("\n".join(faults), file=sys.stderr)
    sys.exit(bool(faults))
