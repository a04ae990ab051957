"""Secrets: given to the attempt that asks, to nobody else, and shown nowhere."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.model.graph import SecretRequest
from flytelike.storage import Store, StoreConfig
from propeller.core.elements import Span
from propeller.executors.process import ProcessExecutor, ProcessSettings
from propeller.ports import AttemptSpec
from propeller.ports_elements import ElementsOrder
from propeller.ports_secrets import Secrets, SecretsUnavailable
from tests.unit.executor.builders import Bench, alone, array_of

pytestmark = pytest.mark.anyio

VALUE = "hunter2-s3cret"
PASSWORD = SecretRequest("db", "password")


class Known(Secrets):
    """Knows one secret; asked for `broken` it fails."""

    async def find(self, project: str, domain: str, request: SecretRequest) -> str | None:
        if request.key == "broken":
            raise SecretsUnavailable("the vault is sealed")
        return VALUE if request.key.lower() == "password" else None


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("_FSEC_OF_PLATFORM", "not-for-tasks")
    bench = Bench(tmp_path)
    settings = ProcessSettings(logs=tmp_path / "logs", slots=2, durable=False, env=bench.site.env)
    bench.executor = ProcessExecutor(settings, Store(StoreConfig()), bench.listener, alone(settings), Known())
    yield bench
    await bench.close()


def asking(bench: Bench, script: str, *requests: SecretRequest) -> AttemptSpec:
    spec = bench.site.spec(("sh", "-ec", script))
    return replace(spec, task=replace(spec.task, secrets=requests))


@pytest.mark.parametrize(
    ("request_", "script"),
    [
        (PASSWORD, f'test "$_FSEC_DB_PASSWORD" = {VALUE}'),
        (replace(PASSWORD, env_var="DBPW"), f'test "$DBPW" = {VALUE}'),
        (replace(PASSWORD, mount_as_file=True), f'test "$(cat $FLYTE_SECRETS_DEFAULT_DIR/db/password)" = {VALUE}'),
        (replace(PASSWORD, mount_as_file=True), 'test -z "${_FSEC_DB_PASSWORD:-}"'),
        (replace(PASSWORD, mount_as_file=True, env_var="F"), f'test "$(cat $F)" = {VALUE}; ls -l $F | grep "^-rw---"'),
    ],
)
async def test_a_task_gets_what_it_asks_for(bench: Bench, request_: SecretRequest, script: str) -> None:
    assert (await bench.end_of(asking(bench, script, request_))).failure is None


async def test_who_did_not_ask_gets_nothing_not_even_the_platforms_own(bench: Bench) -> None:
    asked = await bench.end_of(asking(bench, "true", PASSWORD))
    assert asked.failure is None
    spec = asking(bench, "env")
    assert (await bench.end_of(spec)).failure is None
    printed = (await bench.log(spec.key)).decode()
    assert "FSEC" not in printed
    assert VALUE not in printed


async def test_elements_that_are_given_secrets_tell_what_they_gave(bench: Bench) -> None:
    array = array_of(bench.site.attempt("scaled"), {"n": range(3)}, by=3)
    array = replace(array, task=replace(array.task, secrets=(PASSWORD,)))
    await bench.executor.start_elements(ElementsOrder(array, [Span(0, 3, 0)]))
    told = await bench.listener.told_of(array.key, 3)
    assert [one.failure for one in told] == [None] * 3
    assert all(one.outputs for one in told), "what is small travels with the news, and lies nowhere"


async def test_files_are_gone_with_the_attempt(bench: Bench) -> None:
    spec = asking(bench, "echo $FLYTE_SECRETS_DEFAULT_DIR", replace(PASSWORD, mount_as_file=True))
    assert (await bench.end_of(spec)).failure is None
    folder = (await bench.log(spec.key)).decode().strip()
    await bench.close()
    assert folder
    assert not Path(folder).exists()


async def test_output_and_failures_show_no_secret(bench: Bench) -> None:
    source = (
        "import os, sys; v = os.environ['_FSEC_DB_PASSWORD']; print('a', v[:5], end='', flush=True); print(v[5:], v)"
    )
    spec = asking(bench, "", PASSWORD)
    assert spec.task.container is not None
    container = replace(spec.task.container, args=(sys.executable, "-c", source + "; sys.exit(v)"))
    spec = replace(spec, task=replace(spec.task, container=container))
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    printed = await bench.log(spec.key)
    assert (
        printed == b"a hunter2-s3cret"[:0] + b"a [redacted] [redacted]\n[redacted]\n"
        or printed.count(b"[redacted]") >= 2
    )
    shown = [failure.message.encode(), printed]
    shown += [path.read_bytes() for path in Path(spec.output_prefix).rglob("*") if path.is_file()]
    assert all(VALUE.encode() not in text for text in shown)


async def test_a_warm_task_that_fails_with_a_secret_does_not_show_it(bench: Bench) -> None:
    spec = bench.site.attempt("reveal")
    spec = replace(spec, task=replace(spec.task, secrets=(PASSWORD,)))
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    assert "[redacted]" in failure.message
    assert VALUE.encode() not in Path(f"{spec.output_prefix}/error.pb").read_bytes()


@pytest.mark.parametrize(
    ("key", "code", "retryable", "text"),
    [
        ("other", "SecretNotFound", False, "flytelike secret set db other"),
        ("broken", "SecretsUnavailable", True, "the vault is sealed"),
    ],
)
async def test_an_attempt_without_its_secrets_does_not_start(
    bench: Bench, tmp_path: Path, key: str, code: str, retryable: bool, text: str
) -> None:
    marker = tmp_path / "started"
    failure = (await bench.end_of(asking(bench, f"touch {marker}", SecretRequest("db", key)))).failure
    assert failure is not None
    assert (failure.code, failure.retryable) == (code, retryable)
    assert text in failure.message
    assert f"db/{key}" in failure.message
    assert not marker.exists()
