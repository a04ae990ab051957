"""x"""

import asyncio
from pathlib import Path
import pytest
from tests.e2e.cli import flytelike
from tests.kube.node_cluster import NodeCluster
from tests.kube.node_platform import bucket, live

FLOWS = """
from flytelike import task, workflow

@task
def double(n: int) -> int:
    print(f"doubling {n}")
    return 2 * n

@workflow
def twice(n: int) -> int:
    return double(n=double(n=n))
"""


def test_a_workflow_runs_on_a_node(node_cluster: NodeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flows.py").write_text(FLOWS)
    base = bucket(node_cluster, monkeypatch)
    node_cluster.plane.kubectl("create", "namespace", "flytesnacks-development")

    async def main() -> None:
        async with asyncio.timeout(60), live(node_cluster, tmp_path, base) as platform:
            words = ("execute", "flows.py", "twice", "--n", "3", "--json", "--server", platform.endpoint)
            import subprocess, sys
            job = asyncio.create_task(asyncio.to_thread(flytelike, tmp_path / "home", *words, cwd=tmp_path, timeout_s=40))
            await asyncio.sleep(25)
            for w in ('get pods,fw -A -o wide','get events -A','get fw -A -o yaml', 'get pods -A -o yaml'): print(node_cluster.plane.kubectl(*w.split())[-6000:], file=sys.stderr)
            done = await job
            assert done.code == 0, done.stderr
            assert done.document["outputs"] == {"o0": 12}

    asyncio.run(main())
