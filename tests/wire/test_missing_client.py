"""Without the stock client the wire tests say so; where nothing may be missing, they fail."""

import re
from pathlib import Path

import pytest

from tests.wire.recording import HERE, environment_folder


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_client_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"tests/wire/install\.sh"):
        environment_folder()


def test_every_package_of_the_client_is_pinned_by_its_hashes() -> None:
    packages = re.split(r"\n(?=\S)", (HERE / "requirements.txt").read_text())
    assert any(re.match(r"flytekit==1\.16\.\d+ ", package) for package in packages)
    assert [package for package in packages if package and "--hash=sha256:" not in package] == []
