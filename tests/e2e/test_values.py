"""Values of many kinds pass between real tasks."""

from pathlib import Path

from tests.e2e.cli import ROOT, flytelike

VALUES = str(ROOT / "examples/values/values.py")


def test_values_of_many_kinds_pass_between_tasks(data: Path) -> None:
    done = flytelike(data, "execute", VALUES, "report", "--n", "3", "--json")
    assert done.code == 0, done.stderr
    outputs = done.document["outputs"]
    assert [outputs[name] for name in ("o0", "o1", "o2")] == ["small: 14, 3 units", 3, 1.0]
    assert Path(outputs["o3"].removeprefix("file://")).read_text() == "1j ['a', 'b']"


def test_what_a_model_refuses_is_told_as_the_tasks_error(data: Path) -> None:
    done = flytelike(data, "execute", VALUES, "report", "--n", "0")
    assert done.code == 1
    assert "error[USER:ValidationError]: 1 validation error for Config" in done.stderr
    assert "Input should be greater than or equal to 1" in done.stderr


def test_a_model_is_given_as_json_and_refused_with_its_paths(data: Path) -> None:
    words = ("execute", VALUES, "written", "--root", "s3://b/x")
    done = flytelike(data, *words, "--config", '{"units": "many", "names": [1]}')
    assert done.code == 2
    for path in ("--config.units: expected int", "--config.names[0]: expected str"):
        assert path in done.stderr
