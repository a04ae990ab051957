"""House rules that no linter has: sizes, names, pages, what must never be committed."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.error_codes import COMPOSED, NO_CODES, codes_of

ROOT = Path(__file__).resolve().parent.parent
OURS = ("flytelike", "propeller")
FILE_LINES_MAX = 600
TEST_FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
VAGUE = {"utils", "util", "helpers", "common", "manager", "misc"}


def tracked(*suffixes: str) -> list[Path]:
    """Return the files that git tracks (or would), by suffix."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listing if name.endswith(suffixes) and (ROOT / name).is_file()]


def sources() -> list[Path]:
    """Return the Python files of the packages."""
    return [path for path in tracked(".py") if path.relative_to(ROOT).parts[0] in OURS]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function in a module, nested ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def too_long(text: str, name: str) -> list[str]:
    """Return the functions of a source text that are too long."""
    return [
        f"{name}:{node.lineno} {node.name}: {length} lines"
        for node in functions(ast.parse(text))
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def test_files_are_short() -> None:
    long = {str(p.relative_to(ROOT)): n for p in sources() if (n := len(p.read_text().splitlines())) > FILE_LINES_MAX}
    assert long == {}


def test_test_files_are_short() -> None:
    files = [p for p in tracked(".py") if p.relative_to(ROOT).parts[0] == "tests"]
    long = {str(p.relative_to(ROOT)): n for p in files if (n := len(p.read_text().splitlines())) > TEST_FILE_LINES_MAX}
    assert long == {}


def test_functions_are_short() -> None:
    assert [line for path in sources() for line in too_long(path.read_text(), str(path.relative_to(ROOT)))] == []


@pytest.mark.parametrize(("lines", "seen"), [(FUNCTION_LINES_MAX, 0), (FUNCTION_LINES_MAX + 1, 1)])
def test_a_function_one_line_too_long_is_seen(lines: int, seen: int) -> None:
    assert len(too_long("def f():\n" + "    pass\n" * (lines - 1), "planted.py")) == seen


def test_names_say_what_is_inside() -> None:
    assert [str(p.relative_to(ROOT)) for p in sources() if p.stem in VAGUE or p.parent.name in VAGUE] == []


def test_generated_files_say_so() -> None:
    files = [p for p in tracked(".py", ".pyi") if "flytelike_idl" in p.parts]
    assert files
    assert [p.name for p in files if "Generated from" not in p.read_text().splitlines()[0]] == []


def test_each_error_code_has_a_page_and_each_page_a_code() -> None:
    codes = {*codes_of(OURS), *COMPOSED}
    pages = {path.stem for path in (ROOT / "docs/errors").glob("*.md")}
    assert {"without a page": sorted(codes - pages), "of no code": sorted(pages - codes)} == {
        "without a page": [],
        "of no code": [],
    }


@pytest.mark.parametrize("page", sorted((ROOT / "docs/errors").glob("*.md")), ids=lambda page: page.stem)
def test_an_error_page_is_headed_by_its_code_and_says_what_to_do(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n\n")
    assert "\n**What to do.** " in text


def test_words_that_are_no_codes_are_still_used() -> None:
    words = {
        node.value
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted(NO_CODES - words) == []


LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")


@pytest.mark.parametrize("page", tracked(".md"), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [
        m.group(1) for m in LINK.finditer(text) if "://" not in m.group(1) and not m.group(1).startswith("mailto:")
    ]
    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_no_large_or_built_files() -> None:
    files = tracked("")
    assert [p.name for p in files if p.stat().st_size > 1_000_000] == []
    assert [p.name for p in files if p.suffix in {".pyc", ".so", ".whl"}] == []


def test_test_files_have_names_of_their_own() -> None:
    """pytest imports files of folders that are no packages by their bare names."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, number in names.items() if number > 1] == []
