"""`flytelike-carry`: a plain container's files, before and after it."""

from pathlib import Path

import pytest

from flytelike.codec.failures import failure_from_document
from flytelike.codec.literals import literal_map_from_proto, literal_map_to_proto
from flytelike.codec.tasks import task_template_to_proto
from flytelike.model.graph import Container, DataFiles, TaskTemplate
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.literals import Literal, Primitive
from flytelike.model.policies import TaskMetadata
from flytelike.model.types import INTEGER
from flytelike.runtime.carrying import main
from flytelike.runtime.entrypoint import NOT_STORED
from flytelike.storage import Store, Unavailable
from flytelike_idl.core import errors_pb2, literals_pb2

TASK = TaskTemplate(
    Identifier(ResourceKind.TASK, "p", "development", "area", "v1"),
    "raw-container",
    TaskMetadata(),
    TypedInterface({"a": Variable(INTEGER)}, {"area": Variable(INTEGER)}),
    Container("image", data=DataFiles("/var/inputs", "/var/outputs")),
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "task.pb").write_bytes(task_template_to_proto(TASK).SerializeToString())
    inputs = literal_map_to_proto({"a": Literal(Primitive(6))})
    (tmp_path / "inputs.pb").write_bytes(inputs.SerializeToString())
    (tmp_path / "files").mkdir()
    return tmp_path


def carry(site: Path, what: str, **changed: str) -> int:
    given = {"task": f"{site}/task.pb", "output-prefix": f"{site}/0", "folder": f"{site}/files"}
    own = {"fetch": {"inputs": f"{site}/inputs.pb"}, "store": {"raw-output-prefix": f"{site}/raw"}}[what]
    words = {**given, **own, **changed}
    return main([what, *(word for name, value in words.items() for word in (f"--{name}", value))])


def told(site: Path) -> str:
    document = errors_pb2.ErrorDocument.FromString((site / "0/error.pb").read_bytes())
    return failure_from_document(document, "error.pb").code


def test_inputs_become_files_and_files_outputs(site: Path) -> None:
    assert carry(site, "fetch") == 0
    assert (site / "files/a").read_text() == "6"
    (site / "files/area").write_text("42\n")
    assert carry(site, "store") == 0
    outputs = literals_pb2.LiteralMap.FromString((site / "0/outputs.pb").read_bytes())
    assert literal_map_from_proto(outputs) == {"area": Literal(Primitive(42))}


def test_inputs_that_are_not_there_keep_the_program_from_beginning(site: Path) -> None:
    assert carry(site, "fetch", inputs=f"{site}/none.pb") == 1
    assert told(site) == "InputsNotFound"


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [
        ("other", "42", "OutputsNotFound"),
        ("area", "many", "OutputTypeMismatch"),
        ("_ERROR", "no", "USER:ContainerError"),
    ],
)
def test_what_is_wrong_with_outputs_is_written_down(site: Path, file: str, text: str, code: str) -> None:
    """The pod has done what it could: it is its document that tells."""
    (site / "files" / file).write_text(text)
    assert carry(site, "store") == 0
    assert told(site) == code


def test_a_store_that_is_away_is_told_by_the_exit_code(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object, **_options: object) -> None:
        raise Unavailable("s3://bucket", "away")

    (site / "files/area").write_text("42")
    monkeypatch.setattr(Store, "put", away)
    assert carry(site, "store") == NOT_STORED


def test_a_wrong_command_line_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["store"])
    assert ended.value.code == 2
    assert "--task" in capsys.readouterr().err
