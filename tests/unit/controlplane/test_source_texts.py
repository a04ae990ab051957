"""The lines in which tasks and workflows were written, as their pages show them."""

import gzip
import hashlib
import io
import tarfile
from dataclasses import replace

import pytest

from flytelike.codec.ids import identifier_to_proto
from flytelike.controlplane import source_texts
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal, Status
from flytelike.controlplane.rpc.console import ConsoleServicer
from flytelike.controlplane.rpc.registration import RegistrationServicer
from flytelike.controlplane.source_texts import BROKEN, GONE, IN_IMAGE, LARGE, NO_PLACE, NO_TEXT, OTHER, extent
from flytelike.model.ids import Identifier
from flytelike.model.span import SourceSpan
from flytelike_idl.service import console_pb2 as pb
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    a_plan,
    a_task,
    a_workflow,
    plan_id,
    register_request,
    task_id,
    workflow_id,
)

pytestmark = pytest.mark.anyio

FILE = "shop/orders.py"
SOURCE = '''"""Orders."""

LIMIT = 3


@task(
    retries=2,
)
def double(
    x: int,
) -> int:
    """Double."""

    return 2 * x


@workflow
def flow(x: int) -> int:
    return double(x=x)


print("not of it")
'''
DOUBLE, FLOW, CALL = 9, 18, 19


def packed(**files: bytes) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue())


def stored(plane: ControlPlane, archive: bytes, *, digest: str = "", domain: str = DOMAIN) -> str:
    """Keep a bundle as clients upload it; return its digest."""
    digest = digest or hashlib.sha256(archive).hexdigest()
    plane.store.put(f"{plane.settings.base}/uploads/{PROJECT}/{domain}/{digest}/bundle.tar.gz", archive)
    return digest


async def register(plane: ControlPlane, digest: str, *, file: str = FILE) -> None:
    """Register a task and a workflow that were written in a file of a bundle."""
    task, workflow = a_task(), a_workflow()
    assert task.container is not None
    args = ("flytelike-execute", *(("--code", f"sha256:{digest}") if digest else ()))
    task = replace(task, container=replace(task.container, args=args), span=SourceSpan(file, DOUBLE, 1))
    (node,) = workflow.nodes
    node = replace(node, span=SourceSpan(file, CALL, 12, CALL, 23))
    workflow = replace(workflow, nodes=(node,), span=SourceSpan(file, FLOW, 1))
    await RegistrationServicer(plane).register(register_request(task, workflow, a_plan()))


async def shown(plane: ControlPlane, entity: Identifier) -> pb.GetSourceResponse:
    return await ConsoleServicer(plane).get_source(pb.GetSourceRequest(id=identifier_to_proto(entity)))


async def test_a_task_shows_its_lines_with_its_decorator(plane: ControlPlane) -> None:
    await register(plane, stored(plane, packed(**{"other.py": b"", FILE: SOURCE.encode()})))
    found = await shown(plane, task_id())
    assert (found.file, found.line, found.first_line, found.cut, found.note) == (FILE, DOUBLE, 6, False, "")
    assert list(found.lines) == SOURCE.splitlines()[5:14]


async def test_a_workflow_shows_its_lines_and_those_of_its_nodes(plane: ControlPlane) -> None:
    await register(plane, stored(plane, packed(**{FILE: SOURCE.encode()})))
    found = await shown(plane, workflow_id())
    assert list(found.lines) == ["@workflow", "def flow(x: int) -> int:", "    return double(x=x)"]
    assert list(found.marks) == [pb.SourceMark(node="n0", line=CALL, end_line=CALL)]


@pytest.mark.parametrize(
    ("archive", "note"),
    [
        (packed(**{"other.py": b""}), OTHER),
        (packed(**{FILE: b"one line"}), OTHER),
        (packed(**{FILE: b"\xff\xfe"}), NO_TEXT),
        (packed(**{FILE: bytes(source_texts.FILE_BYTES_MAX + 1)}), NO_TEXT),
        (b"no archive", BROKEN),
        (packed(**{FILE: SOURCE.encode()})[:-20], BROKEN),
    ],
    ids=["other file", "too few lines", "no text", "large file", "no archive", "cut off"],
)
async def test_what_cannot_be_shown_says_why(plane: ControlPlane, archive: bytes, note: str) -> None:
    await register(plane, stored(plane, archive))
    found = await shown(plane, task_id())
    assert (found.file, found.line, list(found.lines), found.note) == (FILE, DOUBLE, [], note)


async def test_code_that_is_in_the_image_says_so(plane: ControlPlane) -> None:
    await register(plane, "")
    assert (await shown(plane, workflow_id())).note == IN_IMAGE


async def test_specs_without_places_say_so(plane: ControlPlane) -> None:
    """As those of stock SDKs."""
    await RegistrationServicer(plane).register(register_request(a_task(), a_workflow()))
    assert (await shown(plane, task_id())).note == NO_PLACE


async def test_a_bundle_that_is_gone_says_so(plane: ControlPlane) -> None:
    await register(plane, "0" * 64)
    assert (await shown(plane, task_id())).note == GONE


async def test_a_bundle_that_is_not_what_its_name_says_is_not_read(plane: ControlPlane) -> None:
    await register(plane, stored(plane, packed(**{FILE: SOURCE.encode()}), digest="0" * 64))
    assert (await shown(plane, task_id())).note == BROKEN


async def test_the_code_of_another_domain_is_not_read(plane: ControlPlane) -> None:
    """A spec may name any digest: who can register here learns nothing of what lies elsewhere."""
    await register(plane, stored(plane, packed(**{FILE: SOURCE.encode()}), domain="production"))
    assert (await shown(plane, task_id())).note == GONE


async def test_names_that_lead_outside_of_the_bundle_are_names_of_nothing(plane: ControlPlane) -> None:
    await register(plane, stored(plane, packed(**{FILE: b""})), file="../../../../etc/passwd")
    assert (await shown(plane, task_id())).note == OTHER


async def test_a_small_bundle_that_unpacks_to_much_is_not_unpacked(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_texts, "UNPACKED_BYTES_MAX", 1 << 20)
    await register(plane, stored(plane, packed(**{"zeros": bytes(2 << 20), FILE: SOURCE.encode()})))
    assert (await shown(plane, task_id())).note == LARGE


async def test_a_large_bundle_is_not_fetched(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_texts, "BUNDLE_BYTES_MAX", 10)
    await register(plane, stored(plane, packed(**{FILE: SOURCE.encode()})))
    assert (await shown(plane, task_id())).note == LARGE


async def test_launch_plans_have_no_lines(plane: ControlPlane) -> None:
    await register(plane, "")
    with pytest.raises(Refusal) as caught:
        await shown(plane, plan_id())
    assert caught.value.status is Status.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("def f(): ...\ndef g(): ...", 1, (1, 1)),
        ("def f():\n    pass\n\n    # done\n    return 1\n\nx = 1", 1, (1, 5)),
        ("def f(\n    x,\n):\n    pass\n\n\n# of what follows\ndef g(): ...", 1, (1, 4)),
        ("    @task\n    def f(self):\n        pass\n\n    def g(self): ...", 2, (1, 3)),
        ("x = 1\n\n# what it does\n@task\ndef f():\n    pass", 5, (3, 6)),
    ],
    ids=["one line", "comments inside", "brackets", "a method", "comments above"],
)
def test_a_definition_ends_with_what_is_indented_below_it(text: str, line: int, expected: tuple[int, int]) -> None:
    assert extent(text.splitlines(), line) == expected


def test_a_long_definition_is_cut() -> None:
    text = ["def f():", *["    pass"] * 2 * source_texts.LINES_MAX]
    assert extent(text, 1) == (1, len(text))
