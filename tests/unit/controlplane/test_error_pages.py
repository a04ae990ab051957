"""Every code that the control plane gives has a page."""

import ast
from collections.abc import Iterator
from pathlib import Path

from flytelike.controlplane.naming import KIND_NAMES

ROOT = Path(__file__).resolve().parents[3]
ROOM = ROOT / "flytelike" / "controlplane"
POSITIONS = {"refusal": 1, "invalid": 0, "add": 0, "Diagnostic": 0, "not_found": 0}


def codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        position = POSITIONS.get(name)
        if position is None or len(node.args) <= position:
            continue
        code = node.args[position]
        if isinstance(code, ast.Constant) and isinstance(code.value, str):
            yield f"unknown-{code.value.replace(' ', '-')}" if name == "not_found" else code.value


def test_every_code_has_a_page() -> None:
    found = {code for path in ROOM.rglob("*.py") for code in codes(ast.parse(path.read_text()))}
    found |= {f"unknown-{what.replace(' ', '-')}" for what in KIND_NAMES.values()}
    assert len(found) > 50
    assert sorted(code for code in found if not (ROOT / "docs" / "errors" / f"{code}.md").exists()) == []
