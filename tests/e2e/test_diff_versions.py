"""`flytelike diff` between files and what is registered."""

from collections.abc import Callable
from pathlib import Path

from tests.e2e.cli import Outcome

Run = Callable[..., Outcome]


def test_versions_and_files_are_compared_in_any_combination(run: Run, project: Path) -> None:
    file = project / "hello.py"
    assert run("register", "hello.py", "--version", "v1").code == 0
    assert run("diff", "@v1", "hello.py").stdout == "no changes\n"
    text = file.read_text()
    file.write_text(text.replace("def hello(", "def hello(other: int, "))
    assert file.read_text() != text
    assert run("register", "hello.py", "--version", "v2").code == 0
    for old, new in (("@v1", "@v2"), ("hello.hello@v1", "hello.hello"), ("@v1", "hello.py")):
        found = run("diff", old, new, "--strict", "--json")
        assert found.code == 2
        assert "input `other: int` is new and has to be given" in [change["change"] for change in found.document]


def test_what_is_not_registered_is_told(run: Run, project: Path) -> None:
    refused = run("diff", "hello.py", "hello.hello@v9")
    assert refused.code == 2
    assert "not-registered" in refused.stderr
    assert "hello.hello@v9" in refused.stderr


def test_register_warns_of_a_launch_plan_whose_callers_break(run: Run, project: Path) -> None:
    file = project / "hello.py"
    assert "callers-break" not in run("register", "hello.py", "--version", "v1").stderr
    file.write_text(file.read_text().replace("def hello(", "def hello(other: int, "))
    warned = run("register", "hello.py", "--version", "v2")
    assert warned.code == 0
    assert (
        "warning[callers-break]: the launch plan `hello.hello` breaks those who start its version v1" in warned.stderr
    )
    assert "input `other: int` is new and has to be given" in warned.stderr
    assert "callers-break" not in run("register", "hello.py", "--version", "v2").stderr


def test_an_image_for_tasks_that_name_none(run: Run, project: Path) -> None:
    image = ("--image", "registry.example/team/flights:7")
    plain, other = (run("register", "hello.py", "--json", *words).document["version"] for words in ((), image))
    assert plain != other, "versions are made of the content, to which the image belongs"
    told = run("diff", f"@{plain}", f"@{other}").stdout
    assert "image flytelike/python:0.1 → registry.example/team/flights:7" in told
    assert run("diff", "hello.py", f"@{other}", *image).stdout == "no changes\n"
    wrong = run("register", "hello.py", "--image", "My Image")
    assert wrong.code == 2
    assert "'My Image' is no image; expected one like registry.example/team/image:tag" in wrong.stderr
