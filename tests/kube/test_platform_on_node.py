"""Embedded and cluster give the same history for the same execution, timing and places apart."""

import asyncio
import io
from pathlib import Path

import pandas as pd
import pytest

from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.storage import Store, StoreConfig
from tests.e2e.cli import ROOT, flytelike
from tests.kube.everywhere.scenario import Story, played, recorded
from tests.kube.node_cluster import NodeCluster
from tests.kube.node_platform import bucket, live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(620)]


def embedded(folder: Path) -> dict[str, Story]:
    async def main() -> None:
        data = DataFolder.at(folder / "data")
        data.prepare()
        with data.locked():
            async with asyncio.timeout(100), Platform(data, PlatformOptions()) as platform:
                await played(platform.endpoint.grpc, folder / "author")

    with pytest.MonkeyPatch.context() as patch, recorded(patch) as histories:
        asyncio.run(main())
        return histories.stories()


def on_node(cluster: NodeCluster, folder: Path) -> dict[str, Story]:
    async def main(base: str) -> None:
        async with asyncio.timeout(560), live(cluster, folder / "platform", base) as platform:
            await played(platform.endpoint, folder / "author")

    with pytest.MonkeyPatch.context() as patch, recorded(patch) as histories:
        asyncio.run(main(bucket(cluster, patch)))
        return histories.stories()


def test_histories_are_the_same_everywhere(node_cluster: NodeCluster, tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    expected = embedded(tmp_path / "here")
    found = on_node(node_cluster, tmp_path / "there")
    assert found.keys() == expected.keys()
    for name, story in expected.items():
        assert found[name] == story, name


def test_the_flights_example_runs_on_a_node(node_cluster: NodeCluster, tmp_path: Path) -> None:
    async def main(base: str) -> None:
        async with asyncio.timeout(560), live(node_cluster, tmp_path / "platform", base) as platform:
            words = ("execute", str(ROOT / "examples/flights/flights.py"), "flight_delays", "--json")
            words = (*words, "--server", platform.endpoint)
            done = await asyncio.to_thread(flytelike, tmp_path / "home", *words, timeout_s=540)
        assert done.code == 0, done.stderr
        outputs = done.document["outputs"]
        assert outputs["quality"]["flights"] == 336_776
        assert 0.65 < outputs["metrics"]["roc_auc"] < 0.95
        assert outputs["by_month"].startswith(base)
        by_month = pd.read_parquet(io.BytesIO(Store(StoreConfig.from_env()).get(f"{outputs['by_month']}/00000")))
        assert by_month["flights"].sum() == sum(outputs["metrics"][part] for part in ("train_flights", "test_flights"))

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(main(bucket(node_cluster, patch)))
