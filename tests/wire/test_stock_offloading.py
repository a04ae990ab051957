"""Stock flytekit reads lists and maps that our tasks' outputs name instead of holding them."""

import json
import subprocess
from pathlib import Path

import pytest

from flytelike import task
from flytelike.runtime import values
from flytelike.storage import Store
from flytelike.types.context import ValueContext
from flytelike_idl.core import literals_pb2

SCRIPT = Path(__file__).with_name("stock") / "offloaded.py"


@task
def gives(n: int) -> tuple[list[int], dict[str, int]]:
    return [*range(n)], {str(i): i for i in range(n)}


def test_a_stock_task_has_the_values(stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "OFFLOAD_BYTES_MIN", 10)
    given = gives.outputs_of(gives.function(n=5))
    document = values.encode_values(given, gives, ValueContext(Store(), f"{tmp_path}/raw", tmp_path))
    kinds = {it.WhichOneof("value") for it in literals_pb2.LiteralMap.FromString(document).literals.values()}
    assert kinds == {"offloaded_metadata"}
    (tmp_path / "outputs.pb").write_bytes(document)
    done = subprocess.run(
        [stock / "bin" / "python", SCRIPT, tmp_path / "outputs.pb"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"o0": [*range(5)], "o1": {str(i): i for i in range(5)}}
