"""Files of inputs: what cannot be read is told as a diagnostic."""

from pathlib import Path

import pytest

from flytelike.cli.input_flags import literals
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.interface import Parameter, Variable
from flytelike.model.types import STRUCT
from flytelike.types.inputs import located

PARAMETERS = {"config": Parameter(Variable(STRUCT), required=True)}
LAUGHS = "\n".join(
    ["a: &a0 [ha]", *(f"b{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)), "config: {x: *a8}"]
)
"""Aliases that stand for 9**8 values."""


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("x.json", "[" * 100_000, "unreadable-input-file"),
        ("x.yaml", "[" * 10_000, "unreadable-input-file"),
        ("x.json", '{"config": ' + "[" * 100 + "]" * 100 + "}", "wrong-input-value"),
        ("x.yaml", LAUGHS, "wrong-input-value"),
        ("x.yaml", "config: &a {x: *a}", "wrong-input-value"),
    ],
    ids=["deep JSON", "deep YAML", "deeper than a document", "aliases of aliases", "in circles"],
)
def test_what_is_too_much_is_told(tmp_path: Path, name: str, text: str, code: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(DiagnosticError) as caught:
        literals(PARAMETERS, [], file, located)
    assert code in {found.code for found in caught.value.diagnostics}
