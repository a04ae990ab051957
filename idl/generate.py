"""Generate `flytelike_idl` (Python messages, services and stubs) from `idl/proto`.

Run as `make gen`. `--check` writes nothing and fails when the committed files differ
from what the `.proto` files give.

protoc names modules after the proto path (`flytelike.core...`), which would collide
with the `flytelike` package itself. The files are therefore moved below
`flytelike_idl` and their imports rewritten; names inside the descriptors
(`flytelike/core/literals.proto`, `flytelike.core.Literal`) stay as they are.

Of services only the clients' stubs are kept: the control plane binds its servicers by
descriptor, so the generator's base classes for servers would be dead code.
"""

import argparse
import ast
import filecmp
import re
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
PROTO = ROOT / "proto"
TARGET = ROOT / "python" / "flytelike_idl"
HEADER = '"""Generated from `idl/proto` by `make gen`. Do not edit."""\n'
IMPORT = re.compile(r"(?m)^(\s*)(from|import) flytelike\.")
STUB_REFERENCE = re.compile(r"(?<![\w./\"'])flytelike\.((?:\w+\.)*\w+_pb2)")


def generate(target: Path) -> None:
    """Write the whole package below `target`, which must not exist yet."""
    with tempfile.TemporaryDirectory() as scratch:
        run_protoc(Path(scratch))
        for source in sorted((Path(scratch) / "flytelike").rglob("*.py*")):
            place = target / source.relative_to(Path(scratch) / "flytelike")
            place.parent.mkdir(parents=True, exist_ok=True)
            text = rewrite(source.read_text())
            place.write_text(HEADER + (stubs_only(text) if source.stem.endswith("_pb2_grpc") else text))
    for folder in [target, *(p for p in target.rglob("*") if p.is_dir())]:
        (folder / "__init__.py").write_text(HEADER)
    (target / "py.typed").write_text("")


def run_protoc(scratch: Path) -> None:
    """Compile every `.proto` file into `scratch`; exit with protoc's code when it fails."""
    well_known = resources.files("grpc_tools") / "_proto"
    files = sorted(str(p.relative_to(PROTO)) for p in PROTO.rglob("*.proto"))
    services = [f for f in files if "service " in (PROTO / f).read_text()]
    bin_ = Path(sys.executable).parent
    plugins = [f"--plugin={name}={bin_ / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    base = ["protoc", f"-I{PROTO}", f"-I{well_known}", *plugins]
    messages = [f"--python_out={scratch}", f"--mypy_out=quiet,readable_stubs:{scratch}"]
    rpc = [f"--grpc_python_out={scratch}", f"--mypy_grpc_out=quiet,only_async:{scratch}"]
    for arguments in ([*base, *messages, *files], [*base, *rpc, *services]):
        code = protoc.main(arguments)
        if code:
            sys.exit(code)


def rewrite(text: str) -> str:
    """Point imports and references at `flytelike_idl` instead of `flytelike`."""
    text = IMPORT.sub(r"\1\2 flytelike_idl.", text)
    return STUB_REFERENCE.sub(r"flytelike_idl.\1", text)


def stubs_only(text: str) -> str:
    """Leave out what is for servers: base classes, what registers them, and one-off calls without a channel."""
    lines = text.splitlines()
    for node in reversed(ast.parse(text).body):
        is_stub = isinstance(node, ast.ClassDef) and node.name.endswith("Stub")
        if is_stub or not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        begin = node.lineno - 1
        while lines[begin - 1].lstrip().startswith("#") or not lines[begin - 1]:
            begin -= 1
        del lines[begin : node.end_lineno]
    return "\n".join(lines).rstrip() + "\n"


def differences(a: Path, b: Path) -> list[str]:
    """Return the relative paths that are missing on one side or differ in content."""
    names = {
        str(p.relative_to(root))
        for root in (a, b)
        for p in root.rglob("*")
        if p.suffix in {".py", ".pyi"} and "__pycache__" not in p.parts
    }
    return sorted(
        n for n in names if not ((a / n).exists() and (b / n).exists()) or not filecmp.cmp(a / n, b / n, shallow=False)
    )


def main() -> int:
    """Generate, or with `--check` compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "flytelike_idl"
        generate(fresh)
        stale = differences(fresh, TARGET)
        if not stale:
            return 0
        if check:
            sys.stderr.write("generated code is out of date (run `make gen`):\n  " + "\n  ".join(stale) + "\n")
            return 1
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(fresh, TARGET)
        sys.stdout.write(f"{len(stale)} generated files updated\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
