"""Record what the stock SDK makes of the cases: run with a Python that has flytekit, pandas and pyarrow.

python tests/unit/types/record_stock_encodings.py
"""

import json
import sys
import tempfile
from pathlib import Path

import stock_cases
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.data_persistence import FileAccessProvider
from flytekit.core.type_engine import TypeEngine
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit.types.structured import StructuredDataset
from google.protobuf.json_format import MessageToDict

GOLDEN = Path(__file__).parent / "golden" / "stock_encodings.json"


def main() -> None:
    """Write the golden data."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "f.csv").write_text("a,b\n1,x\n")
        (root / "d").mkdir()
        (root / "d" / "x").write_text("x")
        lib = stock_cases.Library(FlyteFile, FlyteDirectory, StructuredDataset)
        cases = {
            **stock_cases.plain_cases(),
            **stock_cases.file_cases(lib, root),
            **stock_cases.frame_cases(lib),
        }
        access = FileAccessProvider(str(root / "sandbox"), str(root / "raw"))
        context = FlyteContextManager.current_context()
        with FlyteContextManager.with_context(context.with_file_access(access)) as inner:
            golden = {name: recorded(inner, name, case) for name, case in cases.items()}
    GOLDEN.write_text(json.dumps(golden, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def recorded(context: object, name: str, case: stock_cases.Case) -> dict[str, object]:
    """Return type and values of a case as protobuf's JSON, or the error."""
    try:
        literal_type = TypeEngine.to_literal_type(case.hint)
        values = [
            MessageToDict(TypeEngine.to_literal(context, value, case.hint, literal_type).to_flyte_idl())
            for value in case.values
        ]
    except Exception as error:  # noqa: BLE001 - a refusal is a result
        sys.stderr.write(f"{name}: {error!r}\n")
        return {"error": type(error).__name__}
    return {"type": MessageToDict(literal_type.to_flyte_idl()), "values": stock_cases.comparable(values, case)}


if __name__ == "__main__":
    main()
