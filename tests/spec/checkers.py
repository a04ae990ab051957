"""What mypy and pyright say of a folder of files, in one vocabulary.

Each checker runs once over all files. mypy's codes are the vocabulary; pyright's rules are translated.
Revealed types are written in pyright's way: without module names, defaults as `...`.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.spec.markdown import ROOT

RULES: Mapping[str, frozenset[str]] = {
    "reportArgumentType": frozenset({"arg-type", "call-overload", "dict-item"}),
    "reportAssignmentType": frozenset({"assignment", "misc"}),
    "reportAttributeAccessIssue": frozenset({"attr-defined"}),
    "reportCallIssue": frozenset({"call-arg", "call-overload", "misc"}),
    "reportIndexIssue": frozenset({"index"}),
    "reportOperatorIssue": frozenset({"operator"}),
    "reportReturnType": frozenset({"return-value"}),
}
"""A rule of pyright, and the codes of mypy that it may stand for."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a checker says of one line: a revealed type, or an error: its name, and the codes that may stand for."""

    file: str
    line: int
    revealed: str = ""
    name: str = ""
    codes: frozenset[str] = frozenset()
    text: str = ""


Checker = Callable[[Path], Iterator[Said]]


def mypy(folder: Path) -> Iterator[Said]:
    """Run mypy in strict mode, with the plugin.

    Folders of one name (their number apart) share a cache; tests of different ones run side by side.
    """
    config = folder / "mypy.ini"
    config.write_text(
        "[mypy]\nstrict = true\nplugins = flytelike.mypy_plugin\n"
        "disallow_untyped_decorators = false\nfollow_imports = silent\n"
        f"mypy_path = {ROOT}:{ROOT}/idl/python\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", config, "--output", "json", "--cache-dir",
         ROOT / ".mypy_cache" / folder.name.rstrip("0123456789"), *sorted(folder.glob("*.py"))],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    for line in done.stdout.splitlines():
        found = json.loads(line)
        name = Path(found["file"]).name
        if revealed := re.fullmatch(r'Revealed type is "(.*)"', found["message"]):
            yield Said(name, found["line"], revealed=plain(revealed[1]))
        elif found["severity"] == "error":
            yield Said(name, found["line"], "", found["code"], frozenset({found["code"]}), found["message"])


def pyright(folder: Path) -> Iterator[Said]:
    """Run pyright in strict mode, without the rules that speak of style."""
    settings = {
        "typeCheckingMode": "strict",
        "reportUnusedExpression": "none",
        "reportUnusedVariable": "none",
        "reportUnusedFunction": "none",
        "extraPaths": [str(ROOT), str(ROOT / "idl/python")],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project", folder, "--outputjson"],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    for found in json.loads(done.stdout)["generalDiagnostics"]:
        name, line = Path(found["file"]).name, found["range"]["start"]["line"] + 1
        if revealed := re.fullmatch(r'Type of "(?s:.*)" is "(.*)"', found["message"]):
            yield Said(name, line, revealed=plain(revealed[1]))
        elif found["severity"] == "error":
            rule = found.get("rule", "syntax")
            yield Said(name, line, "", rule, RULES.get(rule, frozenset({rule})), found["message"])


CHECKERS: Mapping[str, Checker] = {"mypy": mypy, "pyright": pyright}


def plain(revealed: str) -> str:
    """Return a revealed type in the common way of writing."""
    text = re.sub(r"\b(?:\w+\.)+(?=\w)", "", revealed.replace("?", ""))
    text = re.sub(r"\btuple\[(.*), fallback=(\w+)\]", r"\2", text)
    text = re.sub(r"\[\[(.*)\], ", r"[(\1), ", text)
    text = text.replace("[Any]", "") if re.fullmatch(r"Flyte\w+\[Any\]", text) else text
    return re.sub(r" =(?= |,|\))( [^,)]+)?", " = ...", text)


def by_line(said: Iterator[Said]) -> dict[tuple[str, int], list[Said]]:
    """Group by file and line."""
    grouped: dict[tuple[str, int], list[Said]] = defaultdict(list)
    for one in said:
        grouped[one.file, one.line].append(one)
    return grouped
