"""How programs of eager tasks learn where the platform answers."""

from pathlib import Path

import pytest

from propeller.executors.process.environment import platform_address

TOLD = {"FLYTE_PLATFORM_URL": "127.0.0.1:8089", "FLYTE_PLATFORM_INSECURE": "true"}


def test_an_address_and_a_file_that_names_it_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "endpoint.json"
    file.write_text('{"grpc": "127.0.0.1:8089"}')
    assert platform_address({"FLYTELIKE_ENDPOINT": "127.0.0.1:8089"}) == TOLD
    assert platform_address({"FLYTELIKE_ENDPOINT": f"file:{file}"}) == TOLD


@pytest.mark.parametrize("content", ["", "{}", "nothing"])
def test_without_an_address_nothing_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "endpoint.json"
    file.write_text(content)
    assert platform_address({"FLYTELIKE_ENDPOINT": f"file:{file}"}) == {}
    assert platform_address({"FLYTELIKE_ENDPOINT": f"file:{tmp_path}/missing"}) == {}
    assert platform_address({}) == {}
