"""Rules of retention, one by one."""

import asyncio
from pathlib import Path

import pytest

from flytelike.controlplane.collecting.durations import duration_ns, duration_text, size_bytes
from flytelike.controlplane.collecting.maintenance import Maintenance
from flytelike.controlplane.collecting.owners import data_readings, document_readings
from flytelike.controlplane.collecting.policy import CacheRule, Ended, Policies, Rule, is_due, rule_for
from flytelike.controlplane.collecting.ports import Stranger
from flytelike.controlplane.collecting.references import References, Root
from flytelike.controlplane.collecting.report import Kept
from flytelike.controlplane.collecting.survey import survey_of
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.repository.leases import end_lease, take_lease
from flytelike.embedded.keepers import EngineLayout
from flytelike.embedded.retention import policies_in
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike.storage import Store
from flytelike.storage.packs import PACK
from propeller.engine import places
from tests.unit.controlplane.builders import create_execution, module
from tests.unit.controlplane.retention_world import DAY_NS, Ran, World, world

pytestmark = pytest.mark.anyio

MONTH = Rule(30 * DAY_NS)
RUNNING, FAILED = WorkflowPhase.RUNNING, WorkflowPhase.FAILED


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/controlplane.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
async def made(tmp_path: Path, url: str):
    async with world(tmp_path, url) as made:
        yield made


# --- what is written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("90m", 5400), ("12h", 43200), ("30d", 2592000), ("2w", 1209600), ("1d12h", 129600), ("0s", 0)],
)
def test_durations_are_written_with_units(text: str, seconds: int) -> None:
    assert duration_ns(text) == seconds * 10**9


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "3 weeks", "1.5h", "30d!", "9999999d"])
def test_other_words_are_no_durations(text: str) -> None:
    assert duration_ns(text) is None


@pytest.mark.parametrize(("ns", "text"), [(30 * DAY_NS, "30d"), (3600 * 10**9, "1h"), (61 * 10**9, "61s"), (0, "0s")])
def test_durations_are_told_in_the_largest_unit_that_fits(ns: int, text: str) -> None:
    assert duration_text(ns) == text


@pytest.mark.parametrize(
    ("text", "size"), [("20GB", 20 * 10**9), ("500 MiB", 500 << 20), ("1b", 1), ("20", None), ("x", None)]
)
def test_sizes_are_written_with_units(text: str, size: int | None) -> None:
    assert size_bytes(text) == size


RETENTION = """
executions:
  - {states: [failed], older_than: 90d, project: "team-*"}
  - {older_than: never, labels: {keep: "yes"}}
  - {older_than: 30d, keep_latest: 5}
cache: [{project: p, unused_for: 60d, max_size: 20GB}]
engine_states: 3d
every: 1h
"""


def test_a_file_of_rules_is_read(tmp_path: Path) -> None:
    file = tmp_path / "retention.yaml"
    assert not policies_in(file)
    file.write_text(RETENTION)
    assert policies_in(file) == Policies(
        (
            Rule(90 * DAY_NS, "team-*", phases=frozenset({FAILED})),
            Rule(None, labels={"keep": "yes"}),
            Rule(30 * DAY_NS, keep_latest=5),
        ),
        (CacheRule("p", "", 60 * DAY_NS, 20 * 10**9),),
        3600 * 10**9,
        3 * DAY_NS,
    )


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("executions: [{older_than: 30}]", ["executions[0].older_than"]),
        (
            "executions: [{keep_latest: -1, older_than: 1d, stats: x}]",
            ["executions[0].stats", "executions[0].keep_latest"],
        ),
        ("executions: [{states: [lost], labels: 3}]", ["[0].states", "[0].labels", "executions[0]"]),
        ("executions: 30d", ["executions"]),
        ("cache: [{}]", ["cache[0]"]),
        ("cache: [{max_size: huge, project: 3}]", ["cache[0].max_size", "cache[0].project"]),
        ("every: 1s\nengine_states: 0s", ["every", "engine_states"]),
        ("- 1", ["executions"]),
        ("a: [", ["cannot be read"]),
    ],
)
def test_every_fault_of_a_file_is_told_with_its_place(tmp_path: Path, text: str, places: list[str]) -> None:
    file = tmp_path / "retention.yaml"
    file.write_text(text)
    with pytest.raises(DiagnosticError) as caught:
        policies_in(file)
    assert {found.code for found in caught.value.diagnostics} == {"invalid-retention"}
    assert len(caught.value.diagnostics) == len(places)
    assert all(place in found.headline for place, found in zip(places, caught.value.diagnostics, strict=True))


def test_the_first_rule_that_covers_an_execution_decides() -> None:
    failed, rest = Rule(90 * DAY_NS, phases=frozenset({FAILED})), Rule(30 * DAY_NS)
    ended = Ended("p", "development", "e", "flow", FAILED, 0)
    assert rule_for([failed, rest], ended) is failed
    assert not is_due(failed, ended, 60 * DAY_NS)
    assert is_due(failed, ended, 90 * DAY_NS)
    assert not is_due(Rule(None), ended, 10**30)


# --- addresses in messages ------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\x12\x2a/s/data/ab/run-n0-0/out.csv\x1a\x02",
        b"file:///s/data/ab/run-n0-0/out.csv",
        b'/s/data/ab/run-n0-0"Gsha256:0123',
        b"/s/data/ab/run-n0-0",
        b"/s/data/ab/",
        b"/s/data/ab",
        b"/s//data/x /s/data//ab//run-n0-0/x",
    ],
)
def test_an_address_is_found_wherever_it_stands(data: bytes) -> None:
    found = References(Root("/s/data", 2))
    found.scan(data, "me")
    assert found.referrer("ab/run-n0-0") == "me"
    assert found.referrer("cd/run-n0-0") is None


@pytest.mark.parametrize("data", [b"/s/data2/ab/run-n0-0/x", b"/s/data/ab/run-n1-0/x", b"/other/ab/run-n0-0/x", b""])
def test_other_addresses_are_no_references(data: bytes) -> None:
    found = References(Root("/s/data", 2))
    found.scan(data, "me")
    assert found.referrer("ab/run-n0-0") is None


def test_a_pack_stays_while_somebody_names_a_document_in_it() -> None:
    survey = survey_of(Store(), "/s/data", "/s/uploads")
    survey.note_document("file:///s/metadata/e1/n0/data/0/outputs.pb", "e2")
    assert survey.keeps("/s/metadata/e1/n0/data/0/outputs.pb")
    assert survey.keeps(f"/s/metadata/e1/{PACK}")
    assert not survey.keeps("/s/metadata/e1/n1/data/inputs.pb")
    assert not survey.keeps(f"/s/metadata/e2/{PACK}")


def test_an_ambiguous_folder_is_read_in_all_ways() -> None:
    layout = EngineLayout("/s/metadata")
    places = [("p", "development"), ("p-development", "development")]
    readings = data_readings(layout, layout.shard(ExecutionId("p", "development", "a-b"), "a-b-n0-0"), places)
    assert ExecutionId("p", "development", "a-b") in list(readings("a-b-n0-0"))
    documents = document_readings({"p", "p-development"}, ["development"])
    assert set(documents("p-development-development-x")) == {
        ExecutionId("p", "development", "development-x"),
        ExecutionId("p-development", "development", "x"),
    }


# --- what goes and what stays -----------------------------------------------------------------


async def test_a_family_waits_for_its_youngest_member(made: World) -> None:
    await made.run([Ran(), Ran(parent=0), Ran(parent=1, age_days=1)])
    assert (await made.collect(MONTH)).executions == 0
    assert await made.alive() == {0, 1, 2}
    assert (await made.collect(Rule(0))).executions == 3
    assert made.data() == set()


async def test_data_that_is_referred_to_stays_until_nobody_does(made: World) -> None:
    await made.run([Ran(folders=2), Ran(age_days=1, refers=((0, 1),))])
    report = await made.collect(MONTH)
    assert made.data() == {(0, 1), (1, 0)}
    assert [kept.by for kept in report.kept_examples] == ["default/development/e1"]
    assert (report.kept.count, report.kept.size_bytes) == (1, 5)
    await made.collect(Rule(0))
    assert made.data() == set()


async def test_the_latest_of_each_workflow_stay(made: World) -> None:
    await made.run([Ran(age_days=60 - n, workflow=f"w{n % 2}") for n in range(6)])
    await made.collect(Rule(30 * DAY_NS, keep_latest=1))
    assert await made.alive() == {4, 5}


async def test_rules_narrow_by_end_label_and_workflow(made: World) -> None:
    acme = (("customer", "acme"),)
    await made.run([Ran(), Ran(phase=FAILED), Ran(labels=acme), Ran(workflow="other"), Ran(phase=FAILED, labels=acme)])
    await made.collect(Rule(0, labels={"customer": "acme"}, phases=frozenset({FAILED})))
    assert await made.alive() == {0, 1, 2, 3}
    await made.collect(Rule(0, workflow="oth*"))
    assert await made.alive() == {0, 1, 2}
    await made.collect(Rule(None, phases=frozenset({FAILED})), Rule(0, project="default", domain="dev*"))
    assert await made.alive() == {1}


async def test_who_needs_an_execution_is_told(made: World) -> None:
    await made.run([Ran(), Ran(phase=RUNNING, goes_on_from=0)])
    report = await made.collect(MONTH)
    assert report.held_examples == [Kept("default/development/e0", "e1 goes on from it")]
    assert await made.alive() == {0, 1}


async def test_what_the_engine_still_holds_goes_with_the_next_collection(made: World) -> None:
    await made.run([Ran()])
    made.states.held = {"e0"}
    report = await made.collect(MONTH)
    assert (report.waiting, report.executions) == (1, 0)
    assert await made.left() == {0}
    assert await made.alive() == set()
    made.states.held = set()
    assert (await made.collect(MONTH)).executions == 1
    assert await made.left() == set()


async def test_a_marked_execution_is_gone_and_its_name_not_free_yet(made: World) -> None:
    await made.run([Ran()])
    made.states.held = {"e0"}
    await made.collect(MONTH)
    gone = ExecutionId("default", "development", "e0")
    with pytest.raises(Refusal, match="unknown-execution"):
        await made.plane.reading.execution(gone)
    await made.plane.registry.register(module())
    with pytest.raises(Refusal, match="execution-being-deleted"):
        await made.plane.executions.create(create_execution("e0"), "ann")
    made.states.held = set()
    await made.collect(MONTH)
    await made.plane.executions.create(create_execution("e0"), "ann")


async def test_single_executions_are_deleted_whatever_their_age(made: World) -> None:
    await made.run([Ran(age_days=0), Ran(age_days=0), Ran(parent=1), Ran(phase=RUNNING)])
    first, _, child, running = (made.execution(n) for n in range(4))
    assert (await made.collect(only=(first,))).executions == 1
    for execution, code in (
        (child, "execution-of-parent"),
        (running, "execution-not-ended"),
        (first, "unknown-execution"),
    ):
        with pytest.raises(Refusal, match=code):
            await made.collect(only=(execution,))
    assert await made.alive() == {1, 2, 3}


async def test_without_rules_nothing_is_guessed(made: World) -> None:
    with pytest.raises(Refusal, match="no-retention-rules"):
        await made.collect()


@pytest.mark.parametrize(
    ("rule", "code"), [(Rule(0, "nope"), "unknown-project"), (Rule(0, domain="x"), "unknown-domain")]
)
async def test_unknown_places_are_refused(made: World, rule: Rule, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        await made.collect(rule)


async def test_one_collection_at_a_time(made: World) -> None:
    now_ns = made.clock.now_ns()
    await made.plane.database.write(lambda c: take_lease(c, "collecting", "other", now_ns, now_ns + DAY_NS))
    with pytest.raises(Refusal, match="collection-running"):
        await made.collect(MONTH)
    assert (await made.collect(MONTH, dry_run=True)).dry_run
    await made.plane.database.write(lambda c: end_lease(c, "collecting", "other", 0))
    await made.collect(MONTH)


async def test_what_nobody_owns_or_names_goes_and_what_is_not_ours_stays(made: World, tmp_path: Path) -> None:
    store = tmp_path / "store"
    ours = [
        "uploads/default/development/abc/f.csv",
        "closures/ab/abcd.pb",
        "metadata/propeller/default-development-x/a",
    ]
    foreign = ["data/mine.csv", "data/ab/x-n0-0/f", "data/mine/ab/f", "notes.txt", "metadata/propeller/other/x"]
    for path in (*ours, *foreign):
        (store / path).parent.mkdir(parents=True, exist_ok=True)
        (store / path).write_text("x")
    (store / ".flytelike-dead").write_text("half")
    await made.collect(MONTH, grace_ns=20 * DAY_NS)
    assert all((store / path).exists() for path in (*ours, *foreign))
    report = await made.collect(MONTH)
    assert [path for path in ours if (store / path).exists()] == []
    assert [path for path in foreign if not (store / path).exists()] == []
    assert not (store / ".flytelike-dead").exists()
    assert report.orphans.count == 3


async def test_what_others_run_on_the_engine_stays_with_all_that_it_names(made: World) -> None:
    """Executions without a row here: until they are gone, their documents stay, and data that these refer to."""
    await made.run([Ran()])
    stranger = ExecutionId("default", "development", "by-hand")
    prefix = str(made.root / "metadata/propeller")
    document = Path(places.outputs_uri(prefix, stranger, NodePath("n0"), 0))
    document.parent.mkdir(parents=True)
    document.write_bytes(made.document(0).read_bytes())
    given = made.root / "by-hand/inputs.pb"
    given.parent.mkdir()
    given.write_bytes(b"")
    made.strangers.there = [Stranger(stranger, str(given)), Stranger(made.execution(0), "")]
    report = await made.collect(MONTH)
    assert (document.exists(), made.data(), await made.left()) == (True, {(0, 0)}, set())
    assert report.kept_examples[0].by == str(stranger)
    made.strangers.there = []
    await made.collect(MONTH)
    assert (document.exists(), made.data(), given.exists()) == (False, set(), True)


async def test_a_link_leads_no_deletion_elsewhere(made: World, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("x")
    await made.run([Ran()])
    (made.folder(0, 0) / "link").symlink_to(tmp_path / "precious")
    (made.document(0).parent / "link").symlink_to(tmp_path / "precious")
    await made.collect(MONTH)
    assert made.data() == set()
    assert (tmp_path / "precious/file").exists()


async def test_with_rules_the_platform_collects_by_itself(
    made: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from flytelike.controlplane.collecting import maintenance

    await made.run([Ran()])
    monkeypatch.setattr(maintenance, "FIRST_PAUSE_S", 0.0)
    plane = made.plane
    tools = plane.maintenance._collector._tools
    from flytelike.controlplane.collecting.ports import Keepers

    keepers = Keepers(tools.keepers.layout, made.logs, made.states, Policies((MONTH,), every_ns=DAY_NS))
    keeping = Maintenance(plane.cache, plane.store, plane.settings, made.clock, keepers)
    keeping.start()
    async with asyncio.timeout(30):
        while await made.left():
            await asyncio.sleep(0.01)
    await keeping.close()


async def test_space_of_deleted_rows_is_given_back(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        big = tuple((f"label{n}", "x" * 200) for n in range(100))
        await made.run([Ran(labels=big) for _ in range(20)])
        assert (await made.collect(MONTH)).database_bytes > 100_000
