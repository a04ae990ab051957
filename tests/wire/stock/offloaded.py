"""Reads an outputs document as stock flytekit does: its lists and maps lie in the store by themselves."""

import json
import sys
from pathlib import Path

from flyteidl.core import literals_pb2
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import LiteralMap

document = literals_pb2.LiteralMap.FromString(Path(sys.argv[1]).read_bytes())
given = LiteralMap.from_flyte_idl(document).literals
context = FlyteContextManager.current_context()
kinds = {"o0": list[int], "o1": dict[str, int]}
found = {name: TypeEngine.to_python_value(context, given[name], kind) for name, kind in kinds.items()}
print(json.dumps(found))
