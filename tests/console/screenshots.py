"""`make console-screenshots`: take a picture of every page of a real platform, light and dark, wide and narrow.

The platform has the demo's data (`examples/flights`) and the executions of the console's tests. Pictures go to
`build/console`, or to the folder named on the command line.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.console.conftest import Shop, chromium, missing
from tests.e2e.cli import ROOT, flytelike, up

FLIGHTS = ROOT / "examples" / "flights" / "flights.py"
PICTURES = ROOT / "build" / "console"
WIDE, NARROW = 1280, 390
HEIGHT = 800
DEMO_S = 900
UNKNOWN = {"code": "unauthenticated", "message": "nobody has said who calls"}
LOOKS = (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW))

TENANTS = (
    "backfill shop.nightly --from 2026-01-01 --to 2026-01-05 --name nights",
    "team create retail --description Those-who-sell",
    "project set flytesnacks --team retail",
    "quota set team:retail --limit attempts=1 --limit memory=64Gi --limit executions=20 --guarantee cpu=2",
    "quota set flytesnacks --limit cpu=16",
)
"""Commands after which the team's quota is full."""


@dataclass(frozen=True)
class Shot:
    """A page: the picture's name, its address, and what is clicked or pressed before the picture is taken.

    A `stranger` is not known to the server.
    """

    name: str
    address: str
    click: str = ""
    button: str = ""
    press: str = ""
    stranger: bool = False


def main() -> None:
    """Take all pictures; words on the command line choose pages by name, a word with a slash the folder."""
    if told := missing():
        sys.exit(told)
    words = sys.argv[1:]
    folder = next((Path(word) for word in words if "/" in word), PICTURES)
    chosen = [word for word in words if "/" not in word]
    folder.mkdir(parents=True, exist_ok=True)
    with platform() as shop, browser() as opened:
        for shot in shots(shop):
            if chosen and shot.name not in chosen:
                continue
            for colours, width in LOOKS:
                take(opened, shot, folder / f"{shot.name}-{colours}-{width}.png", colours, width)
            print(shot.name, file=sys.stderr)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser without a window."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@contextmanager
def platform() -> Iterator[Shop]:
    """Run a platform on which the demo and the shop's executions have ended, or wait."""
    with tempfile.TemporaryDirectory(prefix="flytelike-screenshots-") as scratch:
        folder = Path(scratch)
        data = folder / "data"
        with up(data, "--slots", "2") as running:
            run(data, "execute", str(FLIGHTS), "flight_delays", "--server", running.grpc)
            shop = Shop(running, folder)
            shop.register()
            shop.names["gated"] = shop.launch("gated")
            for workflow in ("day", "sending", "checking", "choosing", "paying"):
                shop.ended(workflow)
            shop.ended("day", rows=9)
            for words in TENANTS:
                run(data, *words.split())
            shop.launch("ticking", times=3000)
            for number, priority in enumerate((0, 0, 100)):
                shop.launch("day", priority, rows=20 + number)
            yield shop


def run(data: Path, *words: str) -> None:
    """Run `flytelike words...` on a platform's folder."""
    done = flytelike(data, *words, cwd=FLIGHTS.parent, timeout_s=DEMO_S)
    assert done.code == 0, done.stderr


def shots(shop: Shop) -> list[Shot]:
    """Return all pages that there are."""
    demo = next(run["name"] for run in shop.runs() if "flights" in run["launched"]["name"])
    good, bad, many = (shop.of(shop.ended(name)) for name in ("day", "sending", "checking"))
    names = f"a={shop.ended('day')}&b={shop.ended('sending')}"
    return [
        Shot("home", f"{shop.running.http}/console/"),
        Shot("dashboard", shop.address()),
        Shot("executions", shop.address("/executions")),
        Shot("nothing", shop.address("/executions?text=nothing-is-called-so")),
        Shot("demo", shop.of(demo)),
        Shot("demo-graph", f"{shop.of(demo)}?view=graph"),
        Shot("demo-timeline", f"{shop.of(demo)}?view=timeline"),
        Shot("demo-values", f"{shop.of(demo)}?view=values"),
        Shot("demo-node-values", f"{shop.of(demo)}?node=n1", "Inputs and outputs"),
        Shot("record-values", f"{shop.of(shop.ended('paying'))}?view=values"),
        Shot("resources", f"{shop.of(shop.ended('paying'))}?node=n0"),
        Shot("failed", f"{bad}?node=n2"),
        Shot("failed-log", f"{bad}?node=n2", "Log"),
        Shot("choosing-graph", f"{shop.of(shop.ended('choosing'))}?view=graph"),
        Shot("report", f"{good}?node=n2.0.n0", "Report"),
        Shot("elements", f"{many}?node=n1"),
        Shot("gated", shop.of(shop.names["gated"])),
        Shot("workflows", shop.address("/workflows")),
        Shot("workflow", shop.address("/workflows/shop.day")),
        Shot("tasks", shop.address("/tasks")),
        Shot("task", shop.address("/tasks/shop.total")),
        Shot("plans", shop.address("/launch-plans")),
        Shot("plan", shop.address("/launch-plans/shop.day")),
        Shot("schedule", shop.address("/launch-plans/shop.nightly")),
        Shot("backfills", shop.address("/backfills")),
        Shot("backfill", shop.address("/backfills/nights")),
        Shot("launch", shop.address("/launch/shop.day")),
        Shot("compare", shop.address(f"/compare?{names}")),
        Shot("again", bad, button="Execute again"),
        Shot("search", shop.address(), press="Control+k"),
        Shot("quotas", shop.address("/quotas")),
        Shot("team", f"{shop.running.http}/console/teams/retail"),
        Shot("audit", shop.address("/audit")),
        Shot("settings", shop.address("/settings")),
        Shot("sign-in", shop.address(), stranger=True),
    ]


def take(opened: Browser, shot: Shot, file: Path, colours: str, width: int) -> None:
    """Take a picture of a page once it has fetched what it shows."""
    context = opened.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if colours == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    if shot.stranger:
        page.route("**/*AccessService/GetAccess", lambda route: route.fulfill(status=401, json=UNKNOWN))
    page.goto(shot.address)
    settled(page)
    if shot.click:
        page.get_by_role("complementary", name="Node").get_by_role("tab", name=shot.click).click()
        settled(page)
    if shot.button:
        page.get_by_role("button", name=shot.button).click()
        settled(page)
    if shot.press:
        page.keyboard.press(shot.press)
        settled(page)
    page.screenshot(path=file)
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wider > 0:
        print(f"{file.name}: {wider} pixels wider than the window", file=sys.stderr)
    context.close()


SETTLED = """() => new Promise((done) => {
  let timer;
  const again = () => { clearTimeout(timer); timer = setTimeout(() => { seen.disconnect(); done(); }, 600); };
  const seen = new MutationObserver(again);
  seen.observe(document.body, { subtree: true, childList: true, characterData: true });
  again();
})"""
"""Wait until nothing of the page has changed for a while: streams stay open, so that the network is never idle."""


def settled(page: Page) -> None:
    """Wait until a page has painted what it has to show."""
    page.locator("h1").first.wait_for(state="attached")
    page.evaluate(SETTLED)
    for word in ("Laying out…", "Loading…"):
        page.get_by_text(word, exact=True).wait_for(state="detached")


if __name__ == "__main__":
    main()
