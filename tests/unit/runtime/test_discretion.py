"""What is told of a failed task holds none of the secrets that it was given."""

from pathlib import Path

from flytelike.model.failure import Failure, Fault
from flytelike.model.redactor import BLOT
from flytelike.runtime.discretion import without_secrets


def told(message: str, env: dict[str, str]) -> str:
    return without_secrets(Failure("USER:ValueError", message, Fault.USER, retryable=True), env).message


def test_secrets_of_variables_and_files_are_taken_out(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "password").write_text("correct-horse\n")
    env = {"_FSEC_DB_PASSWORD": "hunter2-s3cret", "FLYTE_SECRETS_DEFAULT_DIR": str(tmp_path), "HOME": "/root"}
    shown = told("hunter2-s3cret and correct-horse do not open /root", env)
    assert shown == f"{BLOT} and {BLOT} do not open /root"


def test_variables_are_known_by_the_prefix_that_the_platform_names() -> None:
    env = {"FLYTE_SECRETS_ENV_PREFIX": "_S_", "_S_DB": "hunter2-s3cret", "_FSEC_DB": "shown"}
    assert told("hunter2-s3cret is shown", env) == f"{BLOT} is shown"


def test_a_task_without_secrets_is_told_of_as_it_is(tmp_path: Path) -> None:
    assert told("anything", {"FLYTE_SECRETS_DEFAULT_DIR": str(tmp_path / "none")}) == "anything"
