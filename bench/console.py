"""How quick the console is, in headless Chromium: `make bench-console`, or `python -m bench.console`.

The control plane, its HTTP server and the pages are real. Its database is planted: the history of one execution
with 10,000 nodes, and of 1,000 executions. The list of 1,000,000 nodes is answered at the network's border, in the
browser, for no platform has one.
"""

import asyncio
import json
import tempfile
import time
from bisect import bisect
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, CDPSession, Page, Route, async_playwright

from bench.figure import Figure
from flytelike.controlplane.rpc.executions import ExecutionServicer
from flytelike.controlplane.rpc.registration import RegistrationServicer
from flytelike.model.phases import NodePhase, WorkflowPhase
from tests.console.conftest import chromium, missing
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    Running,
    Story,
    create_execution,
    execution_id,
    module,
    served,
    settings_for,
    succeeded,
)

NODES = 10_000
EXECUTIONS = 1_000
ROWS = 1_000_000
TIMES = 5
FRAMES = 240
STEP_PX = 320
"""How far the list is scrolled in each frame: 10 rows, which is 600 rows a second at 60 frames."""
LARGE = "large"
TASKS = ("ThreadControllerImpl::RunTask", "RunTask")
"""What a trace calls the work of a thread, by Chromium's version."""

SEEN = """() => {
  window.painted = new Promise((done) => {
    const look = () => {
      if (!document.querySelector('.list-row button')) requestAnimationFrame(look);
      else requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    };
    requestAnimationFrame(look);
  });
}"""
"""Note when the first rows have been painted: the turn after the frame that drew them."""

ANSWERED = """() => performance.getEntriesByType('resource')
  .filter((one) => one.name.endsWith('/ListRunNodes')).map((one) => one.responseEnd)[0]"""

LOADED = """() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
  .map((one) => [one.name, one.encodedBodySize, one.decodedBodySize])"""

SCROLL = """([frames, step]) => new Promise((done) => {
  const box = document.querySelector('.list');
  const begun = performance.now();
  let left = frames, longest = 0, before = begun;
  const next = (now) => {
    longest = Math.max(longest, now - before);
    before = now;
    box.scrollTop += step;
    if (--left > 0) requestAnimationFrame(next);
    else done([performance.now() - begun, longest]);
  };
  requestAnimationFrame(next);
})"""


async def measure() -> list[Figure]:
    """Measure first paint, scrolling, and what is sent."""
    if told := missing():
        raise SystemExit(told)
    with tempfile.TemporaryDirectory(prefix="flytelike-bench-console-") as folder:
        async with served(settings_for(Path(folder))) as running, async_playwright() as playwright:
            await plant(running)
            browser = await playwright.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
            )
            try:
                place = f"{running.addresses.http}/console/p/{PROJECT}/{DOMAIN}"
                return [
                    *await painted(browser, f"{place}/executions/{LARGE}"),
                    *await scrolled(browser, f"{place}/executions/{LARGE}", NODES, planted=True),
                    *await scrolled(browser, f"{place}/executions/{LARGE}", ROWS, planted=False),
                    *await sent(browser, f"{place}/executions"),
                ]
            finally:
                await browser.close()


async def plant(running: Running) -> None:
    """Write histories into the control plane's database, as propeller would tell them."""
    plane = running.plane
    await RegistrationServicer(plane).register(module())
    executions = ExecutionServicer(plane)
    for index in range(EXECUTIONS):
        await executions.create_execution(create_execution(f"run{index}"))
        await plane.record(succeeded(f"run{index}"))
    await executions.create_execution(create_execution(LARGE))
    story = Story(execution_id(LARGE)).run(WorkflowPhase.RUNNING)
    for index in range(NODES):
        story.node(f"n{index}", NodePhase.RUNNING if index % 10 else NodePhase.SUCCEEDED)
    for first in range(0, len(story.entries), 1000):
        await plane.record(story.entries[first : first + 1000])


async def painted(browser: Browser, address: str) -> list[Figure]:
    """Return how long it takes from the API's answer to the painted rows of an execution."""
    walls, works = [], []
    for _ in range(TIMES):
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        clock = await counting(page)
        await page.add_init_script(f"({SEEN})()")
        await page.goto(address)
        walls.append(await page.evaluate("window.painted") - await page.evaluate(ANSWERED))
        works.append(await worked_ms(clock))
        await page.close()
    walls.sort()
    works.sort()
    return [
        Figure(f"execution of {NODES:,} nodes: from the answer to its rows painted", walls[TIMES // 2], "ms", "< 1000"),
        Figure("processor time of the page's main thread, from opening it to then", works[TIMES // 2], "ms"),
    ]


async def scrolled(browser: Browser, address: str, rows: int, *, planted: bool) -> list[Figure]:
    """Return how many frames a second a list of nodes is scrolled with, and what a frame costs.

    With `planted`, nodes are the platform's own, otherwise they are answered here.
    """
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    if not planted:
        await page.route("**/ListRunNodes", answer)
    await page.goto(address)
    await page.locator(".list-row button").first.wait_for()
    await browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline"])
    wall_ms, longest_ms = await page.evaluate(SCROLL, [FRAMES, STEP_PX])
    works = frames_ms(json.loads(await browser.stop_tracing())["traceEvents"])
    await page.close()
    name = f"a list of {rows:,} rows"
    return [
        Figure(f"{name}: frames a second while scrolling", FRAMES / wall_ms * 1e3, "/s", "60"),
        Figure(f"{name}: the longest frame", longest_ms, "ms"),
        Figure(f"{name}: processor time of the main thread for a frame", sum(works) / len(works), "ms"),
        Figure(f"{name}: the same, p95", works[len(works) * 95 // 100], "ms", "< 16.7"),
    ]


def frames_ms(events: list[dict[str, Any]]) -> list[float]:
    """Return the processor time of the main thread in each frame of a trace, in milliseconds, the least first.

    The main thread is the one that was asked for most frames; a frame lasts from one asking to the next.
    """
    begun: dict[tuple[int, int], list[int]] = {}
    for event in events:
        if event["name"] == "FireAnimationFrame":
            begun.setdefault((event["pid"], event["tid"]), []).append(event["ts"])
    thread, starts = max(begun.items(), key=lambda found: len(found[1]))
    starts.sort()
    works = [0.0] * len(starts)
    for event in events:
        if event["name"] in TASKS and (event["pid"], event["tid"]) == thread and event["ts"] >= starts[0]:
            works[bisect(starts, event["ts"]) - 1] += event.get("tdur", 0) / 1e3
    return sorted(works)


async def answer(route: Route) -> None:
    """Answer for a platform that has a million nodes."""
    asked: dict[str, Any] = route.request.post_data_json or {}
    offset, limit = int(asked.get("offset", 0)), int(asked.get("limit", 100))
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(0))
    nodes = [
        {"path": f"n{index}", "id": f"n{index}", "name": f"node {index}", "phase": "SUCCEEDED", "createdAt": at}
        for index in range(offset, min(offset + limit, ROWS))
    ]
    await route.fulfill(json={"nodes": nodes, "total": ROWS})


async def sent(browser: Browser, address: str) -> list[Figure]:
    """Return how much a page of executions makes the server send, compressed as it is sent."""
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    await page.goto(address)
    await page.locator(".list-row a").first.wait_for()
    loaded = [(urlsplit(name), size, whole) for name, size, whole in await page.evaluate(LOADED)]
    await page.close()
    answers = [(size, whole) for name, size, whole in loaded if name.path.startswith("/api/")]
    scripts = sum(size for name, size, _ in loaded if name.path.endswith(".js"))
    return [
        Figure("a page of executions: answers of the API", sum(whole for _, whole in answers) / 1e3, "kB", "< 100"),
        Figure("the same, as it is sent", sum(size for size, _ in answers) / 1e3, "kB"),
        Figure("scripts before lazy parts, gzipped", scripts / 1e3, "kB", "< 400"),
    ]


async def counting(page: Page) -> CDPSession:
    """Have Chromium count what a page's main thread does, from now on, in processor time."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


async def worked_ms(session: CDPSession) -> float:
    """Return the processor time of a page's main thread since it is counted, in milliseconds."""
    found = await session.send("Performance.getMetrics")
    return float(next(one["value"] for one in found["metrics"] if one["name"] == "TaskDuration")) * 1e3


def main() -> None:
    """Measure and print; nothing is written."""
    for figure in asyncio.run(measure()):
        print(json.dumps(figure.document()))


if __name__ == "__main__":
    main()
