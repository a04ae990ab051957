"""A task learns who it is; plain Python has a context of its own."""

from pathlib import Path

import pytest

from flytelike import current_context
from flytelike.current import Secrets
from flytelike.model.diagnostic import DiagnosticError


def test_plain_python_has_a_context(tmp_path: Path) -> None:
    context = current_context()
    assert context is current_context()
    assert str(context.execution_id) == "local/local/local"
    assert context.working_directory.is_dir()
    context.checkpoint.write(b"x")
    assert context.checkpoint.read() == b"x"


@pytest.mark.parametrize(
    ("names", "variable"),
    [
        (("warehouse", "password"), "_FSEC_WAREHOUSE_PASSWORD"),
        (("warehouse",), "_FSEC_WAREHOUSE"),
        (("", "token"), "_FSEC_TOKEN"),
        (("g", "k", "v1"), "_FSEC_G_V1_K"),
    ],
)
def test_secrets_are_variables(names: tuple[str, ...], variable: str) -> None:
    assert Secrets({variable: "s3cret"}).get(*names) == "s3cret"


def test_secrets_are_files(tmp_path: Path) -> None:
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "warehouse" / "password").write_text("s3cret\n")
    secrets = Secrets({"FLYTE_SECRETS_DEFAULT_DIR": str(tmp_path)})
    assert secrets.get("Warehouse", "Password") == "s3cret"


def test_a_secret_that_is_not_there_is_told_with_where_it_was_looked_for() -> None:
    with pytest.raises(DiagnosticError, match="there is no secret `g/k`") as raised:
        Secrets({"_FSEC_G_OTHER": "s3cret"}).get("g", "k")
    (told,) = raised.value.diagnostics
    assert told.code == "secret-not-found"
    assert "_FSEC_G_K" in told.help[0]
    assert "s3cret" not in str(told)
