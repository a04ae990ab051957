"""A workflow whose results are all cached already: what it takes to find them."""

import asyncio
import tempfile
from pathlib import Path

from bench.figure import Figure
from bench.running import executed
from flytelike.bundle.collect import Copy
from flytelike.cli.authored import author, registered
from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.remote import Client
from flytelike.sdk.modules import load

NODES = 10_000
SOURCE = f"""
from flytelike import task, workflow

@task(cache=True)
def step(x: int) -> int:
    return x

@workflow
def one(x: int) -> int:
    return step(x=x)

@workflow
def cached(x: int) -> None:
    for number in range({NODES}):
        step(x=number)
"""


async def measure() -> list[Figure]:
    """Measure a first run that fills the cache, and one that takes everything from it."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "benched.py").write_text(SOURCE)
        folder = DataFolder.at(Path(scratch) / "data")
        folder.prepare()
        async with Platform(folder, PlatformOptions()) as platform, Client(platform.endpoint.grpc) as client:
            loaded = load([Path(scratch) / "benched.py"])
            authored = author(
                loaded, loaded.entities, project="flytesnacks", domain="development", version="", copy=Copy.AUTO
            )
            await registered(client, authored)
            await executed(client, "one", authored.version)
            first = await executed(client, "cached", authored.version)
            again = min([await executed(client, "cached", authored.version) for _ in range(3)])
    return [
        Figure(f"{NODES:,} cached tasks, first run", first, "s", "", "each result is put into the catalog"),
        Figure(f"{NODES:,} cached tasks, all found", again, "s", "< 1.5 s", "a node's states, documents and records"),
    ]


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
