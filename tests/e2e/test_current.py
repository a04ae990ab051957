"""What a task learns of its attempt on a platform, and what a retry finds of the attempt before it."""

from collections.abc import Callable
from pathlib import Path

from tests.e2e.cli import Outcome, flytelike

Run = Callable[..., Outcome]

SOURCE = """
from flytelike import FlyteRecoverableException, Secret, current_context, task, workflow


@task(retries=2)
def count() -> str:
    context = current_context()
    done = int(context.checkpoint.read() or b"0") + 1
    context.checkpoint.write(str(done).encode())
    if done < 3:
        raise FlyteRecoverableException(f"after {done}")
    return f"{context.task_id.name} {context.attempt} {done} {context.execution_id.domain}"


@task(secret_requests=[Secret(group="warehouse", key="password")])
def connect() -> int:
    return len(current_context().secrets.get("warehouse", "password"))


@workflow
def both() -> tuple[str, int]:
    return count(), connect()
"""


def test_a_retry_goes_on_where_the_attempt_before_it_was(data: Path, tmp_path: Path) -> None:
    (tmp_path / "known.py").write_text(SOURCE)
    env = {"_FSEC_WAREHOUSE_PASSWORD": "s3cret"}
    done = flytelike(data, "execute", str(tmp_path / "known.py"), "both", "--json", env=env)
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": "known.count 2 3 development", "o1": 6}


def test_a_secret_that_is_not_there_is_told(data: Path, tmp_path: Path) -> None:
    (tmp_path / "known.py").write_text(SOURCE)
    done = flytelike(data, "execute", str(tmp_path / "known.py"), "connect")
    assert done.code == 1
    assert "There is no secret `warehouse/password`" in done.stderr
