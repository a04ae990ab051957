"""Lists and maps beyond what a document holds, on the real thing."""

from pathlib import Path

import pytest

from tests.e2e.cli import flytelike

FLOWS = """
from flytelike import map_task, task, workflow

MEGABYTE = 1_000_000


@task
def megabyte(n: int) -> str:
    return str(n % 10) * MEGABYTE


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
def many(n: int) -> dict[str, str]:
    return {str(i): "x" * MEGABYTE for i in range(n)}


@task
def measure(texts: list[str], first: str, by_name: dict[str, str]) -> list[int]:
    return [len(texts), sum(map(len, texts)), len(first), sum(map(len, by_name.values()))]


@task
def length(text: str) -> int:
    return len(text)


@workflow
def large(count: int = 70) -> tuple[list[int], list[int]]:
    texts = map_task(megabyte)(n=numbers(n=count))
    return measure(texts=texts, first=texts[0], by_name=many(n=count)), map_task(length)(text=texts)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_lists_and_maps_of_more_than_64_mb_are_passed_on_taken_apart_and_gone_through(
    data: Path, tmp_path: Path
) -> None:
    flows = tmp_path / "flows.py"
    flows.write_text(FLOWS)
    done = flytelike(data, "execute", str(flows), "large", "--json")
    assert done.code == 0, done.stderr
    whole = 70 * 1_000_000
    assert done.document["outputs"] == {"o0": [70, whole, 1_000_000, whole], "o1": [1_000_000] * 70}
