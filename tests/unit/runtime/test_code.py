"""The code bundle: fetched once, checked, unpacked without trusting it."""

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flytelike.model.failure import Fault
from flytelike.runtime.attempt import Runner
from flytelike.runtime.code import code_folder
from flytelike.runtime.failures import AttemptError, of_task
from flytelike.storage import OutOfSpace, Store, StoreConfig
from tests.unit.executor.builders import Site

STORE = Store(StoreConfig())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def environment(site: Site) -> dict[str, str]:
    return {**site.env, "FLYTE_INTERNAL_TASK_PROJECT": "p", "FLYTE_INTERNAL_TASK_DOMAIN": "development"}


def archive(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size, info.type, info.linkname = len(content), kind, link
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_it_is_fetched_once(site: Site) -> None:
    folder = code_folder(site.code, environment(site), STORE)
    assert Path(folder, "chores.py").is_file()
    Path(site.prefix).rename(f"{site.prefix}-gone")
    assert code_folder(site.code, environment(site), STORE) == folder


def test_many_may_fetch_at_once(site: Site) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: code_folder(site.code, environment(site), STORE), range(8)))
    assert len(set(found)) == 1
    assert [path.name for path in Path(found[0]).parent.iterdir()] == [Path(found[0]).name]


@pytest.mark.parametrize(
    "content",
    [
        archive("../outside", b"x"),
        archive("/outside", b"x"),
        archive("a/../../outside", b"x"),
        archive("link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        archive("hard", kind=tarfile.LNKTYPE, link="x"),
        archive("pipe", kind=tarfile.FIFOTYPE),
        b"not an archive",
        archive("cut", b"x" * 100_000)[:-20],
    ],
    ids=["up", "absolute", "hidden-up", "symlink", "hardlink", "fifo", "garbage", "cut"],
)
def test_hostile_and_damaged_archives_leave_nothing(site: Site, content: bytes) -> None:
    with pytest.raises(AttemptError) as caught:
        code_folder(site.add_archive(content), environment(site), STORE)
    assert caught.value.failure.code == "CodeCorrupt"
    assert list((site.root / "code").iterdir()) == []
    assert not list(site.root.glob("**/outside"))


@pytest.mark.parametrize("code", ["sha256:abc", "md5:00", "sha256:" + "0" * 63 + "/"])
def test_what_is_no_digest(site: Site, code: str) -> None:
    with pytest.raises(AttemptError, match="no code digest"):
        code_folder(code, environment(site), STORE)


def test_a_place_that_is_not_told(site: Site) -> None:
    with pytest.raises(AttemptError, match="FLYTELIKE_UPLOAD_PREFIX, .* is not set"):
        code_folder(site.code, {"FLYTELIKE_CODE_CACHE": f"{site.root}/code"}, STORE)


@pytest.mark.parametrize(
    ("error", "code", "fault"),
    [
        (OutOfSpace("file:///x", "no space left"), "DiskFull", Fault.SYSTEM),
        (OSError(28, "No space left on device"), "USER:OSError", Fault.USER),
    ],
)
def test_no_room_for_a_checkpoint_is_no_fault_of_the_author(error: Exception, code: str, fault: Fault) -> None:
    """What the author writes to a disk by himself is his own matter."""
    failure = of_task(error, "")
    assert (failure.code, failure.fault, failure.retryable) == (code, fault, fault is Fault.SYSTEM)


def test_a_full_disk_is_the_systems_fault(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from flytelike.runtime.arguments import Invocation

    def full(*_: object, **__: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(STORE, "get", full)
    invocation = Invocation("/i", f"{site.root}/o", "m", "t", code=site.code)
    failure = Runner(STORE, site.root).run(invocation, environment(site)).failure
    assert failure is not None
    assert (failure.code, failure.retryable) == ("DiskFull", True)
