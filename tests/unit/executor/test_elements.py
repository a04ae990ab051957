"""Elements of arrays: many attempts in one worker, each for itself."""

from pathlib import Path

import pytest

from flytelike.codec.literals import literal_map_from_proto
from flytelike.model.ids import NodePath
from flytelike_idl.core import literals_pb2
from propeller.core.elements import Span
from propeller.ports import AttemptKey
from propeller.ports_elements import ArraySpec, ElementResult, ElementsOrder
from tests.unit.executor.builders import Bench, array_of

pytestmark = pytest.mark.anyio


def order(array: ArraySpec, first: int = 0, attempt: int = 0) -> ElementsOrder:
    return ElementsOrder(array, [Span(first, array.length - first, attempt)])


def value(result: ElementResult) -> object:
    assert result.failure is None, result.failure
    assert result.outputs is not None
    outputs = literal_map_from_proto(literals_pb2.LiteralMap.FromString(result.outputs))
    return outputs["o0"].value.value  # type: ignore[union-attr]


async def ends(bench: Bench, array: ArraySpec, count: int | None = None) -> list[ElementResult]:
    await bench.executor.start_elements(order(array))
    return await bench.listener.told_of(array.key, array.length if count is None else count)


async def printed(bench: Bench, array: ArraySpec, index: int, attempt: int = 0) -> bytes:
    key = AttemptKey(array.key.execution, NodePath(f"{array.key.path}.0.{index}"), attempt)
    return b"".join([data async for data, _ in bench.executor.logs.stream(key)])


async def test_each_element_is_given_its_own_item_and_what_all_share(bench: Bench) -> None:
    array = array_of(bench.site.attempt("scaled"), {"n": range(300)}, by=3)
    assert [value(one) for one in await ends(bench, array)] == [3 * n for n in range(300)]
    assert not Path(array.output_prefix).exists(), "small outputs travel with the news"


async def test_an_element_that_ends_its_worker_fails_alone(bench: Bench) -> None:
    array = array_of(bench.site.attempt("risky"), {"n": [0, 1, 2, 3, 4, 7, 9, 10]})
    told = await ends(bench, array)
    assert [one.element for one in told] == list(range(8))
    failed = [one for one in told if one.failure]
    assert [one.element for one in failed] == [3]
    assert failed[0].failure
    assert failed[0].failure.code == "NonZeroExit"
    assert "about to leave" in failed[0].failure.message
    assert [value(one) for one in told if not one.failure] == [0, 1, 2, 4, 7, 9, 10]


async def test_an_exception_is_the_elements_own(bench: Bench) -> None:
    array = array_of(bench.site.attempt("risky"), {"n": [4, 5, 4]})
    told = await ends(bench, array)
    assert [one.failure.code if one.failure else value(one) for one in told] == [4, "USER:ValueError", 4]


async def test_an_element_that_takes_too_long_fails_alone(bench: Bench) -> None:
    array = array_of(bench.site.attempt("risky", timeout_ms=400), {"n": [1, 6, 2, 4]})
    told = await ends(bench, array)
    assert [one.failure.code if one.failure else value(one) for one in told] == [1, "TimeoutExpired", 2, 4]


async def test_what_an_element_leaves_behind_costs_the_worker_not_the_others(bench: Bench) -> None:
    array = array_of(bench.site.attempt("risky"), {"n": [8, 2, 8, 4]})
    assert [value(one) for one in await ends(bench, array)] == [8, 2, 8, 4]


async def test_what_elements_print_is_kept_apart(bench: Bench) -> None:
    array = array_of(bench.site.attempt("risky"), {"n": [0, 1, 2, 7] * 20})
    await ends(bench, array)
    assert [await printed(bench, array, index) for index in (0, 1, 3, 77)] == [b"", b"odd 1\n", b"odd 7\n", b"odd 1\n"]


async def test_large_outputs_are_stored(bench: Bench) -> None:
    array = array_of(bench.site.attempt("long_text"), {"n": [1, 2]})
    told = await ends(bench, array)
    assert [one.outputs for one in told] == [None, None]
    assert Path(f"{array.output_prefix}/1/0/outputs.pb").stat().st_size > 200_000


async def test_an_abort_stops_what_runs_and_what_waits(bench: Bench) -> None:
    array = array_of(bench.site.attempt("risky"), {"n": [6] * 50})
    await bench.executor.start_elements(order(array))
    await bench.executor.abort_elements(array.key, "enough")
    other = array_of(bench.site.attempt("risky"), {"n": [1]})
    await ends(bench, other)
    assert array.key not in bench.listener.told


async def test_elements_that_run_are_not_started_twice_and_a_new_attempt_is_another(bench: Bench) -> None:
    array = array_of(bench.site.attempt("scaled"), {"n": [1, 2]}, by=2)
    await bench.executor.start_elements(order(array))
    await bench.executor.start_elements(order(array))
    await bench.executor.start_elements(order(array, first=1, attempt=1))
    told = await bench.listener.told_of(array.key, 3)
    assert [(one.element, one.attempt) for one in told] == [(0, 0), (1, 0), (1, 1)]


async def test_programs_of_their_own_get_the_inputs_of_their_element(bench: Bench) -> None:
    words = ("sh", "-c", 'mkdir -p "$2" && cp "$1" "$2/outputs.pb"', "sh", "{{.input}}", "{{.outputPrefix}}")
    array = array_of(bench.site.spec(words), {"o0": [7, 8]})
    told = await ends(bench, array)
    assert [(one.element, one.failure, one.outputs) for one in told] == [(0, None, None), (1, None, None)]
    document = Path(f"{array.output_prefix}/1/0/outputs.pb").read_bytes()
    assert literal_map_from_proto(literals_pb2.LiteralMap.FromString(document))["o0"].value.value == 8  # type: ignore[union-attr]


async def test_a_program_that_picks_its_own_element_gets_all_inputs_and_an_index(bench: Bench) -> None:
    script = 'mkdir -p "$1" && eval echo "\\$$BATCH_JOB_ARRAY_INDEX_VAR_NAME" && cp "$2" "$1/outputs.pb"'
    spec = bench.site.spec(("sh", "-c", script, "sh", "{{.outputPrefix}}", "{{.input}}"))
    array = array_of(spec, {"o0": [7, 8]})
    own = ArraySpec(**{**{name: getattr(array, name) for name in array.__slots__}, "picks_own": True})
    await ends(bench, own)
    assert [await printed(bench, own, index) for index in (0, 1)] == [b"0\n", b"1\n"]
    assert Path(f"{array.output_prefix}/1/0/outputs.pb").read_bytes() == Path(array.inputs_uri).read_bytes()
