"""Who waits for what in a team, in a real browser on a platform whose quota is full."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.console.conftest import SHOP, Shop
from tests.e2e.cli import Up, flytelike, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOOKS = (
    ("light", 1280, ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]),
    ("dark", 1280, ["color-contrast"]),
    ("light", 390, ["button-name", "link-name", "label", "scrollable-region-focusable", "aria-hidden-focus"]),
)


@pytest.fixture(scope="module")
def line(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose team may run one attempt at once; one runs, and three wait, of which the last is the most urgent."""
    assert browser
    folder = tmp_path_factory.mktemp("line")
    with up(folder / "data") as running:
        opened = Shop(running, folder)
        opened.register()
        for words in (
            ("team", "create", "retail", "--description", "Those who sell"),
            ("project", "set", "flytesnacks", "--team", "retail"),
            ("quota", "set", "team:retail", "--limit", "attempts=1"),
        ):
            done = flytelike(folder / "data", *words)
            assert done.code == 0, done.stderr
        opened.names["holds"] = opened.launch("ticking", times=2000)
        wait_for(opened, running=True)
        for number, (name, priority) in enumerate((("first", 0), ("second", 0), ("urgent", 100)), 1):
            opened.names[name] = opened.launch("day", priority, rows=number + 20)
            wait_for(opened, waiting=number)
        yield opened


def wait_for(shop: Shop, *, waiting: int = 0, running: bool = False) -> None:
    """Ask until so many wait, or until an attempt runs."""
    for _ in range(2000):
        queue = shop.call("TenancyService/ListQuotaQueue", place={"team": "retail"})
        used = shop.call("TenancyService/ListQuotas", team="retail", used=True)["quotas"]
        runs = any(int(quota.get("used", {}).get("attempts", 0)) for quota in used)
        if queue.get("waiting", 0) == waiting and (runs or not running):
            return
    raise AssertionError(queue)


def rows(page: Page, place: str) -> Locator:
    return page.get_by_role("group", name=f"Who waits at {place}").get_by_role("row")


def test_who_waits_for_what_in_my_team(line: Shop, page: Page, axe: str) -> None:
    page.goto(line.running.http)
    page.get_by_role("heading", name="Team retail").get_by_role("link").click()
    expect(page.get_by_role("heading", name="Team retail", exact=True)).to_be_visible()
    expect(page.get_by_text("Those who sell")).to_be_visible()
    waiting = rows(page, "team retail")
    expect(waiting).to_have_count(4)
    for number, name in enumerate(("urgent", "first", "second"), 1):
        expect(waiting.nth(number)).to_contain_text(f"{number} of 3")
        expect(waiting.nth(number)).to_contain_text(line.names[name])
    first = waiting.nth(1)
    expect(first.get_by_role("cell").nth(2)).to_have_text("100")
    expect(first).to_contain_text("1 attempt, 1 CPU")
    expect(first).to_contain_text("team retail: 1 of 1 attempt in use (flytesnacks has 1)")
    expect(first.get_by_role("time")).to_have_attribute("title", re.compile(r"20\d\d"))
    assert faults(page, axe) == []

    page.get_by_role("group", name="Who waits at team retail").focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=line.names["first"]).first).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=line.names["urgent"])).to_be_visible()
    expect(page.get_by_role("complementary", name="Node").get_by_role("heading", name="load")).to_be_visible()
    page.go_back()
    expect(rows(page, "team retail")).to_have_count(4)


def test_the_page_of_a_projects_quotas_shows_its_line_and_leads_to_the_team(line: Shop, page: Page, axe: str) -> None:
    page.goto(line.address("/quotas"))
    project = page.get_by_role("region", name="project flytesnacks")
    expect(rows(page, "project flytesnacks")).to_have_count(4)
    expect(project).to_contain_text("3 wait")
    domain = page.get_by_role("region", name="flytesnacks / development")
    expect(rows(page, "flytesnacks / development")).to_have_count(0)
    domain.get_by_text("3 wait").click()
    expect(rows(page, "flytesnacks / development")).to_have_count(4)
    assert faults(page, axe) == []
    page.get_by_role("link", name="team retail").click()
    expect(page).to_have_url(re.compile("/teams/retail$"))


def test_the_overview_of_a_domain_shows_what_of_its_limits_is_used_and_what_ran_last(
    line: Shop, page: Page, axe: str
) -> None:
    page.goto(line.address(""))
    last = page.get_by_role("region", name="Last executions")
    expect(last.get_by_role("link", name=line.names["urgent"])).to_be_visible()
    use = page.get_by_role("region", name="Quota use")
    expect(use.get_by_role("row").first).to_contain_text("attempts team retail")
    expect(use.get_by_role("row").first).to_contain_text("1 of 1")
    assert faults(page, axe) == []
    use.get_by_role("link", name="3 wait here").click()
    expect(page.get_by_role("heading", name="Quotas")).to_be_visible()


def test_a_team_of_which_nothing_waits_says_so(line: Shop, page: Page) -> None:
    page.goto(f"{line.running.http}/console/teams/default")
    expect(page.get_by_role("region", name="team default")).to_contain_text("Nobody waits here.")
    page.goto(f"{line.running.http}/console/teams/nobody-is-called-so")
    expect(page.get_by_text("There is no such team")).to_be_visible()


def test_a_higher_limit_lets_them_go_on_as_one_watches(line: Shop, page: Page) -> None:
    page.goto(f"{line.running.http}/console/teams/retail")
    team = page.get_by_role("region", name="team retail")
    expect(rows(page, "team retail")).to_have_count(4)
    team.get_by_role("textbox", name="Limit").fill("2")
    team.get_by_role("button", name="Set the limit").click()
    expect(team).to_contain_text("Nobody waits here.")
    team.get_by_role("button", name="Take the limit away").click()
    expect(team.get_by_role("row", name="attempts").get_by_role("cell").nth(2)).to_have_text("–")
    # It bounds nothing any more: there is no quota left.
    quotas = line.call("TenancyService/ListQuotas", team="retail").get("quotas", [])
    assert [quota for quota in quotas if quota["quota"]["place"].get("team")] == []


def test_what_waits_in_projects_of_others_is_counted_and_not_named(
    browser: Browser, page: Page, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert browser
    folder = tmp_path_factory.mktemp("others")
    data = folder / "data"
    (folder / "shop.py").write_text(SHOP.read_text())
    with up(data, "--require-login") as running:
        for words in (
            "team create retail",
            "project set flytesnacks --team retail",
            "project create speech --team retail",
            "quota set team:retail --limit attempts=1",
            "grant add user:ben viewer -p speech",
            "execute shop.py ticking --times 2000 --no-wait --execution-name holds",
            "execute shop.py day --no-wait --execution-name secret",
            "execute shop.py day --no-wait --execution-name known -p speech",
        ):
            run(folder, *words.split())
        assert any(run(folder, "quota", "queue", "--json")["waiting"] == 2 for _ in range(60))
        token = flytelike(data, "token", "create", "--user", "ben").stdout.strip()
        sees(page, running, token)


def run(folder, *words: str) -> dict:  # noqa: ANN001 - a path
    done = flytelike(folder / "data", *words, cwd=folder)
    assert done.code == 0, done.stderr
    return json.loads(done.stdout) if "--json" in words else {}


def sees(page: Page, running: Up, token: str) -> None:
    page.goto(f"{running.http}/console/teams/retail")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    team = page.get_by_role("region", name="team retail")
    expect(team).to_contain_text("2 wait, 1 of them in projects that you may not read")
    expect(rows(page, "team retail")).to_have_count(2)
    expect(rows(page, "team retail").nth(1)).to_contain_text("known")
    expect(rows(page, "team retail").nth(1)).to_contain_text("1 of 1 attempt in use (others have 1)")
    expect(page.get_by_text("secret")).to_have_count(0)
    expect(page.get_by_text("flytesnacks")).to_have_count(0)


def faults(page: Page, axe: str) -> list[str]:
    """Return what axe finds: light, dark, and narrow."""
    page.evaluate(axe)
    found = []
    for colours, width, rules in LOOKS:
        page.emulate_media(color_scheme=colours)
        page.set_viewport_size({"width": width, "height": 800})
        told = page.evaluate("only => axe.run(document, {runOnly: only, resultTypes: ['violations']})", rules)
        found += [
            f"{colours} {width}: {it['id']} {node['target']}" for it in told["violations"] for node in it["nodes"]
        ]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})
    return found
