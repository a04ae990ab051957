"""What people write to say which image stands for which virtual environment."""

from pathlib import Path

import pytest

from flytelike.embedded.images import image_environments
from flytelike.model.diagnostic import Diagnostic, DiagnosticError


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """What passes for a virtual environment."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(0o755)
    return tmp_path / "venv"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "images.yaml"


def faults(*words: str, file: Path) -> list[Diagnostic]:
    with pytest.raises(DiagnosticError) as caught:
        image_environments(words, file)
    return list(caught.value.diagnostics)


def test_without_words_and_file_there_are_none(file: Path) -> None:
    assert image_environments((), file) == ()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n"])
def test_an_empty_file_names_none(file: Path, text: str) -> None:
    file.write_text(text)
    assert image_environments((), file) == ()


def test_words_come_before_the_file(venv: Path, file: Path) -> None:
    file.write_text(f"in/file: {venv}\n'*': {venv}\n")
    environments = image_environments([f"first={venv}", f"second={venv}"], file)
    assert [environment.pattern for environment in environments] == ["first", "second", "in/file", "*"]


def test_a_relative_folder_counts_from_here_in_a_word_and_from_the_file_in_a_file(
    venv: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("a: venv\n")
    elsewhere = venv / "bin"
    monkeypatch.chdir(elsewhere)
    folders = [environment.folder.resolve() for environment in image_environments(["b=.."], file)]
    assert folders == [venv, venv]


def test_a_folder_may_be_below_home(venv: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(venv.parent))
    assert image_environments(["a=~/venv"], file)[0].folder == venv


@pytest.mark.parametrize("word", ["", "image", "image=", "=folder", " = "])
def test_a_word_that_is_no_image_and_folder(file: Path, word: str) -> None:
    (fault,) = faults(word, file=file)
    assert fault.code == "invalid-image-map"
    assert repr(word) in fault.headline
    assert "IMAGE=FOLDER" in fault.help[0]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"- a\n- b\n", "list"),
        (b"just text\n", "str"),
        (b"a: [b]\n", "'a': ['b']"),
        (b"a: 1\n", "'a': 1"),
        (b"1: a\n", "1: 'a'"),
        (b"a: {\n", "cannot be read"),
        (b"\xff\xfe\xff", "cannot be read"),
        (b"!!python/object/apply:os.getcwd []\n", "cannot be read"),
    ],
)
def test_a_file_that_holds_something_else(file: Path, content: bytes, text: str) -> None:
    file.write_bytes(content)
    (fault,) = faults(file=file)
    assert fault.code == "invalid-image-map"
    assert text in fault.headline
    assert str(file) in fault.headline


def test_a_folder_without_python_is_no_environment(tmp_path: Path, file: Path) -> None:
    (fault,) = faults(f"a={tmp_path}", file=file)
    assert fault.code == "environment-not-found"
    assert str(tmp_path) in fault.headline
    assert f"python -m venv {tmp_path}" in fault.help[0]


def test_all_faults_are_told_at_once(tmp_path: Path, venv: Path, file: Path) -> None:
    file.write_text(f"good: {venv}\nbad: nowhere\nworse: 3\n")
    found = faults("word", f"gone={tmp_path / 'gone'}", f"fine={venv}", file=file)
    assert [fault.code for fault in found] == [
        "invalid-image-map",
        "environment-not-found",
        "environment-not-found",
        "invalid-image-map",
    ]
