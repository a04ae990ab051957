"""What a node waits for, as the tree and the lines of progress show it."""

from datetime import UTC, datetime, timedelta

import pytest

from flytelike.cli.live_tree import lines
from flytelike.cli.progress import plain_line
from flytelike.cli.tree import NodeRow, Tree, shown_time
from flytelike.model.phases import NodePhase
from flytelike_idl.admin import node_execution_pb2
from flytelike_idl.service import watch_pb2
from flytelike_idl.service.maintenance_pb2 import QueuedAttempt


def node(waits: str, until: datetime | None = None, *, note: str = "") -> node_execution_pb2.NodeExecution:
    out = node_execution_pb2.NodeExecution()
    out.id.node_id, out.id.execution_id.name = "n0", "run"
    out.metadata.spec_node_id, out.metadata.name, out.metadata.note = "n0", "release", note
    out.closure.phase = NodePhase.RUNNING.value
    out.closure.waits = waits
    if until is not None:
        out.closure.waits_until.FromDatetime(until)
    return out


def rows(tree: Tree, *nodes: node_execution_pb2.NodeExecution) -> list[NodeRow]:
    return tree.take(watch_pb2.WatchExecutionResponse(node_executions=nodes))


ANSWER = "answer with: flytelike signal run 'how many' --value ..."
LONG_AGO = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (
            node('approval "ok"'),
            'waits for approval "ok", answer with: flytelike signal run ok --approve (or --reject)',
        ),
        (
            node('signal "how many"', LONG_AGO),
            f'waits for signal "how many" until 2020-01-02 03:04 UTC, {ANSWER}',
        ),
        (node("its time", LONG_AGO), "waits for its time until 2020-01-02 03:04 UTC"),
        (node("one of 2 places (max_parallelism)"), "waits for one of 2 places (max_parallelism)"),
        (node("", note="taken from other"), "taken from other"),
    ],
)
def test_a_line_says_what_a_node_waits_for_and_how_to_answer(
    told: node_execution_pb2.NodeExecution, shown: str
) -> None:
    (row,) = rows(Tree("run"), told)
    assert plain_line(row) == f"  ● n0 release running, {shown}"


def test_the_command_has_a_line_of_its_own_on_a_terminal() -> None:
    (row,) = rows(Tree("run"), node('approval "ok"'))
    first, second = (text.plain for text in lines(0, row))
    assert first.endswith('waits for approval "ok"')
    assert second.strip() == "flytelike signal run ok --approve (or --reject)"


def test_that_a_wait_is_over_is_a_change() -> None:
    tree = Tree("run")
    assert rows(tree, node("an equal task that runs already"))
    assert not rows(tree, node("an equal task that runs already"))
    (row,) = rows(tree, node(""))
    assert not row.remark


def test_a_node_tells_its_place_in_line_and_an_array_that_of_its_next_element() -> None:
    tree = Tree("run")
    rows(tree, node(""))
    tree.line_up([QueuedAttempt(node_id=f"n0.0.{number}", place=7 - number, of=9) for number in range(3)])
    assert tree.rows["n0"].remark == "waits for a worker, place 5 of 9 in line"
    assert tree.rows["n0"].word == "queued"
    tree.line_up([QueuedAttempt(node_id="n0", place=1, of=1)])
    assert "place 1 of 1" in tree.rows["n0"].remark, "where it stands now is newer than what was said"


def test_times_of_today_need_no_date() -> None:
    now = datetime.now(UTC)
    assert shown_time(now) == f"{now:%H:%M:%S} UTC"
    assert shown_time(now - timedelta(days=2)).startswith(f"{now - timedelta(days=2):%Y-%m-%d}")
