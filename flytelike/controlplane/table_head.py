"""`python -m flytelike.controlplane.table_head FILE`: print the first rows of a parquet file as JSON.

A process of its own with little memory and time: the file is somebody's, and its reader is a large library in C++.
"""

import json
import os
import resource
import sys
from typing import Any

ROWS, COLUMNS, CELL = 20, 60, 160
"""How many rows and columns are shown, and how many characters of a value."""
MEMORY_BYTES = 4 << 30
"""Address space; most of it is never touched."""
CPU_S = 20
NO_READER = 3
"""Exit code where the library that reads tables is not installed."""


def main() -> int:
    """Print `{"columns": [[name, type]...], "rows": [[text...]...], "total": rows}`; return the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an extra, and heavy
    except ImportError:
        return NO_READER
    with parquet.ParquetFile(sys.argv[1]) as file:
        json.dump(head(file), sys.stdout)
    return 0


def head(file: Any) -> dict[str, object]:  # noqa: ANN401 - of a library without types
    """Return the columns and first rows of an open parquet file."""
    schema = file.schema_arrow
    names = schema.names[:COLUMNS]
    batch = next(file.iter_batches(batch_size=ROWS, columns=names, use_threads=False), None)
    rows = [] if batch is None else batch.to_pylist()
    return {
        "columns": [[name, str(schema.field(index).type)] for index, name in enumerate(names)],
        "rows": [[shown(row[name]) for name in names] for row in rows[:ROWS]],
        "total": file.metadata.num_rows,
        "cut": len(schema.names) > COLUMNS,
    }


def shown(value: object) -> str:
    """Return a value as text."""
    text = "" if value is None else str(value)
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


if __name__ == "__main__":
    sys.exit(main())
