"""A real platform with real executions, and a browser in front of it."""

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from flytelike.console.pages import Pages
from tests.e2e.cli import ROOT, Up, flytelike, up

SHOP = Path(__file__).with_name("shop.py")
PLACE = {"project": "flytesnacks", "domain": "development"}
PATIENCE_MS = 60_000
ENDED_S = 60


@dataclass
class Shop:
    """The platform that the console's tests look at."""

    running: Up
    folder: Path
    names: dict[str, str] = field(default_factory=dict)

    def call(self, rpc: str, **request: object) -> dict:
        """Call an RPC of the console's own service, or of another one (`Service/Method`)."""
        service = rpc if "/" in rpc else f"ConsoleService/{rpc}"
        asked = urllib.request.Request(
            f"{self.running.http}/api/flytelike.service.{service}",
            json.dumps(request).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=30) as answer:
            found: dict = json.load(answer)
            return found

    def register(self) -> None:
        """Register two versions: in the newer one results are cached, and the scales are broken."""
        newer = SHOP.read_text()
        older = newer.replace('@task(cache=True, cache_version="1")', "@task(retries=2)")
        older = older.replace('raise ValueError("the scales are broken")', "return len(orders)")
        for text in (older, newer):
            (self.folder / "shop.py").write_text(text)
            words = ("register", "shop.py", "--server", self.running.grpc)
            done = flytelike(self.folder / "data", *words, cwd=self.folder)
            assert done.code == 0, done.stderr

    def launch(self, workflow: str, priority: int = 0, **inputs: int) -> str:
        """Execute a workflow of the shop; return the execution's name."""
        plans = self.call("AdminService/ListLaunchPlans", id={**PLACE, "name": f"shop.{workflow}"}, limit=1)
        literals = {name: {"scalar": {"primitive": {"integer": value}}} for name, value in inputs.items()}
        spec = {"launchPlan": plans["launchPlans"][0]["id"], "qualityOfService": {"priority": priority}}
        made = self.call("AdminService/CreateExecution", **PLACE, spec=spec, inputs={"literals": literals})
        return str(made["id"]["name"])

    def ended(self, workflow: str, **inputs: int) -> str:
        """Execute a workflow with such inputs once, and wait for its end; return the execution's name."""
        key = f"{workflow}{sorted(inputs.items())}"
        if key not in self.names:
            self.names[key] = self.launch(workflow, **inputs)
            self.wait(self.names[key])
        return self.names[key]

    def runs(self) -> list[dict]:
        """The executions of the shop's domain, newest first."""
        found: list[dict] = self.call("ListRuns", place=PLACE)["runs"]
        return found

    def wait(self, name: str) -> None:
        """Wait for an execution's end: the stream of its changes closes then."""
        body = json.dumps({"id": {**PLACE, "name": name}}).encode()
        asked = urllib.request.Request(
            f"{self.running.http}/api/flytelike.service.ConsoleService/WatchRun",
            b"\0" + len(body).to_bytes(4, "big") + body,
            {"content-type": "application/connect+json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=ENDED_S) as answer:
            answer.read()

    def address(self, path: str = "") -> str:
        """The address of a page of the shop's domain."""
        return f"{self.running.http}/console/p/{PLACE['project']}/{PLACE['domain']}{path}"

    def of(self, name: str) -> str:
        """The address of an execution."""
        return self.address(f"/executions/{name}")


def missing() -> str:
    """What the tests need and is not there."""
    if chromium() is None:
        return "there is no Chromium (Debian: apt-get install chromium)"
    if not Pages().built:
        return "the console's pages are not built (make console)"
    return ""


def chromium() -> str | None:
    """The browser of this machine: browsers are never downloaded."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def missing_or_skip() -> None:
    """Skip what needs a browser where there is none; in CI that is a failure."""
    if told := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    missing_or_skip()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A platform on which the shop is registered, in two versions."""
    folder = tmp_path_factory.mktemp("shop")
    with up(folder / "data", "--slots", "2") as running:
        opened = Shop(running, folder)
        opened.register()
        yield opened


def is_fault(told: ConsoleMessage) -> bool:
    """Tell whether the browser complains; that the server refused something is for the page to show."""
    return told.type == "error" and not told.text.startswith("Failed to load resource")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page; whatever its console tells as an error fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("console", lambda told: faults.append(told.text) if is_fault(told) else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    assert faults == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which finds what keeps people out."""
    return (ROOT / "flytelike/console/web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
