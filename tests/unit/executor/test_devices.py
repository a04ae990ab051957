"""GPUs of the machine are counted, and given to one attempt at a time."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.cli.up import gpu_names
from flytelike.model.policies import ResourceName, Resources
from flytelike.model.quota import GPU
from propeller.executors.process import ProcessSettings
from propeller.executors.process.devices import VISIBLE, Devices, discovered
from tests.unit.executor.builders import Bench


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(0, 4))
def test_no_device_is_ever_given_twice(counts: list[int], there: int) -> None:
    devices, held = Devices([str(number) for number in range(there)]), list[tuple[str, ...]]()
    for number, count in enumerate(counts):
        held.append(devices.take(count))
        taken = [name for names in held for name in names]
        assert len(taken) == len(set(taken)) <= there
        if number % 3 == 2:
            devices.give_back(held.pop(0))


def test_devices_that_are_given_back_are_given_again_in_order() -> None:
    devices = Devices(["a", "b", "c"])
    first, second = devices.take(1), devices.take(2)
    devices.give_back(second)
    devices.give_back(first)
    assert devices.take(3) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("said", "found"), [("0,2", ("0", "2")), ("", ()), ("-1", ()), (" GPU-1 , GPU-2", ("GPU-1", "GPU-2"))]
)
def test_what_this_process_may_use_is_what_there_is(
    said: str, found: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, said)
    assert discovered() == found


@pytest.mark.parametrize(("script", "found"), [("echo GPU-a; echo GPU-b", ("GPU-a", "GPU-b")), ("exit 9", ())])
def test_the_driver_tells_which_there_are(
    script: str, found: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert discovered() == found


def test_a_machine_without_gpus_counts_none(tmp_path: Path) -> None:
    assert GPU not in ProcessSettings(logs=tmp_path).machine
    assert ProcessSettings(logs=tmp_path, gpus=("0", "1")).machine[GPU] == 2


@pytest.mark.anyio
async def test_attempts_that_run_together_have_devices_of_their_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, slots=3, gpus=("7", "9"))
    go, specs = tmp_path / "go", []
    for number in range(3):
        script = f'echo "$CUDA_VISIBLE_DEVICES" > {tmp_path}/{number}; while [ ! -e {go} ]; do sleep 0.02; done'
        spec = bench.site.spec(("sh", "-c", script))
        container = replace(spec.task.container, resources=Resources({ResourceName.GPU: "1"}))  # type: ignore[type-var]
        specs.append(replace(spec, task=replace(spec.task, container=container)))
    try:
        for spec in specs:
            await bench.executor.start(spec)
        for spec in specs[:2]:
            await bench.listener.ran(spec.key)
        (queued,) = await bench.executor.queued(specs[2].key.execution)
        assert (queued.shortfalls[0].resource, queued.shortfalls[0].limit) == (GPU, 2)
        go.touch()
        for spec in specs:
            await bench.listener.ended(spec.key)
        given = [(tmp_path / str(number)).read_text().strip() for number in range(3)]
        assert sorted(given[:2]) == ["7", "9"]
        assert given[2] in {"7", "9"}
    finally:
        await bench.close()


@pytest.mark.anyio
@pytest.mark.parametrize(("own", "seen"), [({}, "[]"), ({VISIBLE: "9"}, "[9]")])
async def test_who_asks_for_no_gpu_sees_none_but_by_its_own_environment(
    tmp_path: Path, own: dict[str, str], seen: str
) -> None:
    bench = Bench(tmp_path, slots=1, gpus=("7", "9"))
    try:
        spec = bench.site.spec(("sh", "-c", f'echo "[$CUDA_VISIBLE_DEVICES]" > {tmp_path}/seen'))
        container = replace(spec.task.container, env=own)  # type: ignore[type-var]
        spec = replace(spec, task=replace(spec.task, container=container))
        await bench.executor.start(spec)
        await bench.listener.ended(spec.key)
        assert (tmp_path / "seen").read_text().strip() == seen
    finally:
        await bench.close()


@pytest.mark.parametrize(("text", "names"), [("0,1", ("0", "1")), ("none", ()), ("GPU-x", ("GPU-x",))])
def test_gpus_are_named_on_the_command_line(text: str, names: tuple[str, ...]) -> None:
    assert gpu_names(text) == names
