"""Tasks whose image stands for a virtual environment of this machine."""

import os
import sys
from pathlib import Path

import pytest

from propeller.executors.process import ImageEnvironment
from propeller.executors.process.images import environment_for
from tests.unit.executor.builders import Bench

OWN = str(Path(sys.executable).parent)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def environment(tmp_path: Path) -> ImageEnvironment:
    """An environment with one program, `speak`, that tells its arguments and where it looks for programs."""
    program = tmp_path / "venv" / "bin" / "speak"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$0 $*"\necho "$VIRTUAL_ENV"\necho "$PATH"\necho "[$PYTHONPATH]"\n')
    program.chmod(0o755)
    (program.parent / "flytelike-execute").symlink_to(program)
    return ImageEnvironment("image", tmp_path / "venv")


@pytest.fixture
async def bench(tmp_path: Path, environment: ImageEnvironment, anyio_backend: str):
    bench = Bench(tmp_path, images=(environment,))
    yield bench
    await bench.close()


# --- which images ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "image", "covered"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b:1.2", True),
        ("a/b", "a/b@sha256:00", True),
        ("a/b", "a/b:1.2@sha256:00", True),
        ("a/b:1.2", "a/b:1.2", True),
        ("a/b:1.2", "a/b:1.3", False),
        ("a/b", "a/b/c", False),
        ("a/b", "a/bc:1", False),
        ("host:5000/a", "host:5000/a", True),
        ("host:5000/a", "host:5000/a:1", True),
        ("host", "host:5000/a", False),
        ("a/*", "a/b:1", True),
        ("*:py3.1?-*", "a/b:py3.12-1.16", True),
        ("*", "anything:1", True),
        ("*", "", True),
        ("a/b", "", False),
        ("A/b", "a/b", False),
    ],
)
def test_a_pattern_covers_images(pattern: str, image: str, covered: bool) -> None:
    assert ImageEnvironment(pattern, Path("venv")).covers(image) is covered


def test_the_first_that_covers_an_image_counts() -> None:
    one, two, rest = (ImageEnvironment(pattern, Path(pattern)) for pattern in ("a:1", "a", "*"))
    found = [environment_for(image, (one, two, rest)) for image in ("a:1", "a:2", "b")]
    assert found == [one, two, rest]
    assert environment_for("b", (one, two)) is None


# --- in the environment ------------------------------------------------------------------


def test_programs_find_the_environments_and_the_machines_but_none_of_the_platforms() -> None:
    image = ImageEnvironment("a", Path("/venv"))
    path = os.pathsep.join([OWN, "/usr/bin", "", OWN, "/bin"])
    env = image.entered({"PATH": path, "PYTHONPATH": "/ours", "PYTHONHOME": "/home", "HOME": "/h"})
    assert env == {"PATH": "/venv/bin:/usr/bin:/bin", "VIRTUAL_ENV": "/venv", "HOME": "/h"}


@pytest.mark.anyio
async def test_a_task_runs_with_the_environments_programs(bench: Bench, environment: ImageEnvironment) -> None:
    ended = await bench.end_of(bench.site.spec(("speak", "{{.inputs.n}}"), {"n": 5}))
    assert ended.failure is None
    told, venv, path, modules = (await bench.log(ended.spec.key)).decode().splitlines()
    assert told == f"{environment.programs / 'speak'} 5"
    assert venv == str(environment.folder)
    assert path.split(os.pathsep)[0] == str(environment.programs)
    assert OWN not in path.split(os.pathsep)
    assert modules == "[]"


@pytest.mark.anyio
async def test_our_own_tasks_run_there_too_rather_than_in_a_warm_worker(
    bench: Bench, environment: ImageEnvironment
) -> None:
    ended = await bench.end_of(bench.site.attempt("env"))
    told = (await bench.log(ended.spec.key)).decode()
    assert told.startswith(f"{environment.programs / 'flytelike-execute'} --inputs ")


@pytest.mark.anyio
async def test_what_a_task_declares_goes_before_the_environments(bench: Bench) -> None:
    ended = await bench.end_of(bench.site.spec(("speak",), env={"PYTHONPATH": "/asked", "VIRTUAL_ENV": "/mine"}))
    assert ended.failure is None
    _, venv, _, modules = (await bench.log(ended.spec.key)).decode().splitlines()
    assert (venv, modules) == ("/mine", "[/asked]")


@pytest.mark.anyio
async def test_a_program_that_the_environment_lacks_is_not_taken_from_the_platform(
    bench: Bench, environment: ImageEnvironment
) -> None:
    """The platform's own would run with the platform's packages."""
    assert (Path(OWN) / "flytelike").exists()
    failure = (await bench.end_of(bench.site.spec(("flytelike", "--version")))).failure
    assert failure is not None
    assert failure.code == "ProgramNotFound"
    assert f"virtual environment {environment.folder}: install" in failure.message
