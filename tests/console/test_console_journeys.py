"""The ways people go through the console, in a real browser on a real platform."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
CONTRAST = ["color-contrast"]
NARROW = ["button-name", "link-name", "label", "scrollable-region-focusable", "aria-hidden-focus"]


def node_panel(page: Page):  # noqa: ANN201 - a locator
    return page.get_by_role("complementary", name="Node")


# --- finding one's way ----------------------------------------------------------------------


def test_from_the_projects_to_an_execution_and_back(shop: Shop, page: Page) -> None:
    name = shop.ended("day")
    page.goto(shop.running.http)
    page.get_by_role("region", name="flytesnacks").get_by_role("link", name="development").click()
    page.get_by_role("link", name="succeeded").click()
    expect(page).to_have_url(re.compile(r"/executions\?phase=succeeded$"))
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="succeeded")).to_have_attribute("aria-pressed", "true")


def test_filters_are_in_the_address(shop: Shop, page: Page) -> None:
    good, bad = shop.ended("day"), shop.ended("sending")
    page.goto(shop.address("/executions"))
    expect(page.get_by_role("link", name=good)).to_be_visible()
    page.get_by_role("button", name="failed").click()
    expect(page.get_by_role("link", name=bad)).to_be_visible()
    expect(page.get_by_role("link", name=good)).to_have_count(0)
    page.reload()
    expect(page.get_by_role("link", name=bad)).to_be_visible()
    expect(page.get_by_role("link", name=good)).to_have_count(0)


def test_filters_are_saved_under_a_name(shop: Shop, page: Page) -> None:
    bad = shop.ended("sending")
    page.goto(shop.address("/executions?phase=failed"))
    page.get_by_role("button", name="Save this view").click()
    page.get_by_label("Name of the view").fill("what went wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="what went wrong", exact=True)).to_be_visible()
    page.goto(shop.address("/executions"))
    page.get_by_role("button", name="what went wrong").click()
    expect(page).to_have_url(re.compile(r"phase=failed"))
    expect(page.get_by_role("link", name=bad)).to_be_visible()
    page.get_by_role("button", name="Forget").click()
    expect(page.get_by_role("button", name="what went wrong")).to_have_count(0)


def test_search_by_keyboard_alone(shop: Shop, page: Page) -> None:
    name = shop.ended("day")
    page.goto(shop.address())
    expect(page.get_by_role("button", name="Search")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search").fill(name[:12])
    expect(page.get_by_role("listbox").get_by_role("option").first).to_contain_text(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_dashboard_leads_to_what_failed(shop: Shop, page: Page) -> None:
    bad = shop.ended("sending")
    page.goto(shop.address())
    failures = page.get_by_role("region", name="Last failures")
    expect(failures).to_contain_text("the parcel service does not answer")
    failures.get_by_role("link", name=bad).click()
    expect(page.get_by_role("heading", name=bad)).to_be_visible()


def test_what_is_not_there_says_so(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/executions"))
    page.get_by_role("searchbox", name="Name").fill("nothing-is-called-so")
    expect(page.get_by_text("No execution is like that.")).to_be_visible()
    expect(page.get_by_text("flytelike execute FILE.py WORKFLOW")).to_be_visible()


# --- launching ------------------------------------------------------------------------------


def test_launch_with_a_form_and_watch_it_live(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/workflows/shop.day"))
    page.get_by_role("link", name="Launch", exact=True).click()
    rows = page.get_by_label(re.compile("^rows"))
    expect(rows).to_have_value("5")
    rows.fill("many")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_text('expected int, got "many"')).to_be_visible()
    rows.fill("7")
    page.get_by_label(re.compile("^limit")).fill("2")
    page.get_by_role("button", name="Launch").click()
    expect(page).to_have_url(re.compile("/executions/"))
    expect(page.locator(".head").first.get_by_text("succeeded", exact=True)).to_be_visible()
    page.get_by_role("button", name="load n0").click()
    node_panel(page).get_by_role("tab", name="Log").click()
    expect(node_panel(page)).to_contain_text("loading 7 orders, 2 at a time")
    page.get_by_role("tab", name="Inputs and outputs").first.click()
    expect(page.get_by_role("region", name="Outputs").first).to_contain_text("21 sold")


def test_launch_with_json_and_the_servers_own_words(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/launch/shop.day"))
    page.get_by_role("button", name="JSON").click()
    page.get_by_label("Inputs as JSON").fill('{"rows": 2, "colour": "red"}')
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_text("there is no such input")).to_be_visible()
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Name of the execution").fill("Not_a_name!")
    page.get_by_label("Inputs as JSON").fill('{"rows": 2}')
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("alert")).to_contain_text("name")


def test_launch_with_yaml(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/launch/shop.day"))
    page.get_by_role("button", name="JSON or YAML").click()
    given = "# fewer today\nrows: 3\noptions:\n  limit: 1\n  strict: false\n  tags: [a]\n"
    page.get_by_label("Inputs as JSON or YAML").fill(given)
    page.get_by_role("button", name="Launch").click()
    expect(page.locator(".head").first.get_by_text("succeeded", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Inputs and outputs").click()
    expect(page.get_by_role("region", name="Outputs")).to_contain_text("3 sold")


def test_launch_with_a_file_and_see_it_and_the_picture_that_comes_of_it(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/launch/shop.drawing"))
    page.get_by_label("or upload").set_input_files(
        {"name": "my orders.txt", "mimeType": "text/plain", "buffer": b"tea\ncoffee\nmilk\n"}
    )
    expect(page.get_by_text("sent", exact=True)).to_be_visible()
    page.get_by_role("button", name="Launch").click()
    expect(page.locator(".head").first.get_by_text("succeeded", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Inputs and outputs").click()
    expect(page.get_by_role("region", name="Inputs")).to_contain_text("coffee")
    picture = page.get_by_role("img", name="picture.svg")
    expect(picture).to_have_js_property("naturalWidth", 30)
    sent = page.request.get(f"{shop.running.http}{picture.get_attribute('src')}")
    assert "default-src 'none'" in sent.headers["content-security-policy"]


# --- one execution --------------------------------------------------------------------------


def test_from_a_failure_to_its_source_line_and_log(shop: Shop, page: Page) -> None:
    page.goto(shop.of(shop.ended("sending")))
    expect(page.get_by_text("RuntimeError: the parcel service does not answer").first).to_be_visible()
    page.get_by_role("button", name="Show the node").click()
    expect(node_panel(page)).to_contain_text('raise RuntimeError("the parcel service does not answer")')
    node_panel(page).get_by_role("tab", name="Log").click()
    node_panel(page).get_by_label("Search the log").fill("parcel")
    expect(node_panel(page).locator("mark")).to_have_text("parcel")
    page.keyboard.press("Escape")
    expect(node_panel(page)).to_have_count(0)


def test_find_the_failed_element_among_many(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.of(shop.ended('checking'))}?node=n1")
    panel = node_panel(page)
    expect(panel.get_by_role("heading", name="300 elements")).to_be_visible()
    panel.get_by_role("button", name="1 failed").click()
    panel.get_by_role("button", name="137").click()
    expect(panel).to_contain_text("ValueError: order 137 has no address")
    expect(panel).to_contain_text("looking for the address of 137")


def test_find_the_one_that_failed_among_ten_thousand(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.of(shop.ended('checking', rows=10_000))}?node=n1")
    panel = node_panel(page)
    expect(panel.get_by_role("heading", name="10,000 elements")).to_be_visible()
    panel.get_by_role("button", name="1 failed").click()
    panel.get_by_role("button", name="137").click()
    expect(panel).to_contain_text("ValueError: order 137 has no address")


def test_recover_with_the_code_of_another_version(shop: Shop, page: Page) -> None:
    page.goto(shop.of(shop.ended("weighing")))
    page.get_by_role("button", name="Execute again").click()
    dialog = page.get_by_role("dialog", name="Execute again")
    versions = dialog.get_by_role("combobox", name="with the code of version")
    expect(versions.get_by_role("option")).to_have_count(2)
    versions.select_option(index=1)
    expect(dialog.get_by_role("row", name="n1 weigh")).to_contain_text("changed")
    expect(dialog).to_contain_text("1 of 2 nodes are reused")
    dialog.get_by_role("button", name="Execute", exact=True).click()
    expect(page.get_by_text("made from")).to_be_visible()
    expect(page.locator(".head").first.get_by_text("succeeded", exact=True)).to_be_visible()


def test_recover_after_a_look_at_what_runs_then_compare(shop: Shop, page: Page) -> None:
    name = shop.ended("sending")
    page.goto(shop.of(name))
    page.get_by_role("button", name="Execute again").click()
    dialog = page.get_by_role("dialog", name="Execute again")
    expect(dialog).to_contain_text("2 of 3 nodes are reused")
    dialog.get_by_role("button", name="Relaunch").click()
    expect(dialog).to_contain_text("All nodes run")
    dialog.get_by_role("button", name="Recover").click()
    dialog.get_by_role("button", name="Execute", exact=True).click()
    expect(page.get_by_role("heading", name=name)).to_have_count(0)
    expect(page.get_by_text("made from")).to_be_visible()
    expect(page.locator(".head").first.get_by_text("failed", exact=True)).to_be_visible()
    page.goto(shop.of(name))
    page.get_by_role("link", name="compare").click()
    expect(page.get_by_role("rowheader", name="input rows")).to_be_visible()


def test_approve_a_gate_and_give_a_value(shop: Shop, page: Page) -> None:
    page.goto(shop.of(shop.launch("gated")))
    expect(page.get_by_text('waits for approval "agreed"')).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    form = page.get_by_role("form", name="Answer how many")
    form.get_by_role("textbox").fill("some")
    form.get_by_role("button", name="Answer").click()
    expect(form).to_contain_text('expected int, got "some"')
    form.get_by_role("textbox").fill("9")
    form.get_by_role("button", name="Answer").click()
    expect(page.locator(".head").first.get_by_text("succeeded", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Inputs and outputs").click()
    expect(page.get_by_role("region", name="Outputs")).to_contain_text("9 sold")


def test_read_a_log_while_it_is_written_then_abort(shop: Shop, page: Page) -> None:
    name = shop.launch("ticking")
    page.goto(f"{shop.of(name)}?node=n0")
    node_panel(page).get_by_role("tab", name="Log").click()
    expect(node_panel(page)).to_contain_text("tick 2")
    expect(node_panel(page)).to_contain_text("live")
    page.get_by_role("button", name="Abort").click()
    expect(page.get_by_text("Aborted: aborted in the console")).to_be_visible()
    expect(page.locator(".head").first.get_by_text("aborted", exact=True)).to_be_visible()


def test_abort_several_at_once(shop: Shop, page: Page) -> None:
    names = [shop.launch("ticking"), shop.launch("gated")]
    page.goto(shop.address("/executions?phase=running"))
    for name in names:
        page.get_by_role("checkbox", name=f"Choose {name}").check()
    page.get_by_role("button", name="Abort 2").click()
    for name in names:
        expect(page.get_by_role("link", name=name)).to_have_count(0)


def test_see_why_a_node_waits(shop: Shop, page: Page) -> None:
    name = shop.launch("gated")
    page.goto(f"{shop.of(name)}?node=n1")
    expect(node_panel(page)).to_contain_text('Waits for approval "agreed"')
    shop.call("AdminService/TerminateExecution", id={"project": "flytesnacks", "domain": "development", "name": name})
    expect(page.locator(".head").first.get_by_text("aborted", exact=True)).to_be_visible()


def test_the_graph_leads_to_nodes_and_into_workflows(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.of(shop.ended('choosing'))}?view=graph")
    page.locator(".gnode", has_text="n0-n0").or_(page.locator(".gnode", has_text="ship")).click()
    panel = node_panel(page)
    expect(panel.get_by_role("heading", name="ship")).to_be_visible()
    panel.get_by_role("button", name="Open").click()
    expect(page.locator(".gnode", has_text="report")).to_have_count(1)
    page.go_back()
    expect(page.locator(".gnode", has_text="spread")).to_be_visible()


def test_a_timeline_tells_how_long_each_waited_and_ran(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.of(shop.ended('day', rows=6))}?view=timeline")
    tracks = page.get_by_role("img", name=re.compile("^succeeded, queued .*, ran "))
    expect(tracks).to_have_count(4)
    tasks = page.get_by_role("img", name=re.compile("^succeeded, queued .*, waited .*, ran "))
    expect(tasks, "a sub-workflow waits for no worker").to_have_count(3)


def test_go_through_nodes_by_keyboard(shop: Shop, page: Page) -> None:
    page.goto(shop.of(shop.ended("day")))
    expect(page.get_by_role("button", name="load n0")).to_be_visible()
    page.get_by_role("group", name="Nodes").focus()
    page.keyboard.press("j")
    expect(node_panel(page).get_by_role("heading", name="load")).to_be_visible()
    page.keyboard.press("j")
    expect(node_panel(page).get_by_role("heading", name="total")).to_be_visible()
    page.keyboard.press("k")
    expect(node_panel(page).get_by_role("heading", name="load")).to_be_visible()


def test_see_what_an_attempt_asked_for_and_used(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.of(shop.ended('paying'))}?node=n0")
    resources = node_panel(page).get_by_role("region", name="Resources")
    expect(resources).to_contain_text(re.compile(r"Memory[\d.]+ MiB of 500 MiB asked \(limit 1 GiB\)"))
    expect(resources).to_contain_text(re.compile(r"Processor[\d.]+ m?s over [\d.]+ m?s = [\d.]+ CPU of 1 asked"))
    expect(resources.locator(".meter")).to_have_count(1)
    page.goto(f"{shop.of(shop.ended('paying'))}?node=n1")
    expect(node_panel(page).get_by_role("heading", name="receipt")).to_be_visible()
    expect(resources).to_contain_text(re.compile(r"Memory[\d.]+ MiBProcessor"))


def test_the_cache_says_whose_result_it_gave(shop: Shop, page: Page) -> None:
    shop.ended("day", rows=11)
    name = shop.launch("day", rows=11)
    shop.wait(name)
    page.goto(f"{shop.of(name)}?node=n1")
    expect(node_panel(page)).to_contain_text("hit")
    node_panel(page).get_by_role("link", name=shop.ended("day", rows=11)).click()
    expect(page.get_by_role("heading", name=shop.ended("day", rows=11))).to_be_visible()


def test_the_head_of_a_table_and_a_file_inside_of_a_dataclass(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.of(shop.ended('paying'))}?view=values")
    outputs = page.get_by_role("region", name="Outputs")
    expect(outputs.get_by_role("columnheader")).to_have_text(["order", "price"])
    expect(outputs.get_by_role("row", name="19 190 EUR")).to_be_visible()
    expect(outputs).to_contain_text("20 of 30 rows")
    expect(outputs).to_contain_text("thank you for 280 EUR, 290 EUR")


def test_a_report_is_shown_where_it_can_do_no_harm(shop: Shop, page: Page) -> None:
    name = shop.ended("day")
    page.goto(f"{shop.of(name)}?node=n2.0.n0")
    node_panel(page).get_by_role("tab", name="Report").click()
    frame = page.locator("iframe")
    expect(frame).to_have_attribute("sandbox", "allow-scripts")
    expect(page.frame_locator("iframe").get_by_role("heading", name="shop.report")).to_be_visible()


# --- what is registered ---------------------------------------------------------------------


def test_two_versions_are_compared(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/workflows"))
    page.get_by_role("link", name="shop.day", exact=True).click()
    expect(page.locator(".gnode", has_text="total")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Compare with")).first.click()
    difference = page.get_by_role("region", name="Difference")
    expect(difference).to_contain_text("shop.total")
    expect(difference).to_contain_text("no caller breaks")


def test_the_lines_of_a_workflow_and_of_its_nodes(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/workflows/shop.day"))
    lines = page.get_by_role("region", name="Source").locator(".line")
    expect(lines.filter(has_text="def day(")).to_have_count(1)
    expect(lines.filter(has_text="return ship(n=total(")).to_contain_text("n0, n1, n2")
    page.goto(shop.address("/tasks/shop.send"))
    expect(lines.filter(has_text="calling the parcel service")).to_have_count(1)
    expect(lines.first).to_contain_text("@task")


def test_a_launch_plan_is_switched_on(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/launch-plans/shop.ticking"))
    first = page.get_by_role("button", name=re.compile("^(De)?[Aa]ctivate$"))
    before = first.inner_text()
    first.click()
    expect(first).not_to_have_text(before)


def test_a_token_is_shown_once_and_revoked(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/settings"))
    page.get_by_label("Name of the token").fill("nightly")
    page.get_by_role("button", name="Create a token").click()
    expect(page.get_by_text(re.compile("^flt_"))).to_be_visible()
    expect(page.get_by_role("row", name="nightly")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Revoke nightly").click()
    expect(page.get_by_role("row", name="nightly")).to_have_count(0)
    expect(page.get_by_text(re.compile("^flt_"))).to_have_count(0)


# --- all pages ------------------------------------------------------------------------------


def test_nobody_is_kept_out(shop: Shop, page: Page, axe: str) -> None:
    """axe finds nothing on any page: light, dark, and narrow."""
    failed, good, mapped, paid = (
        urlsplit(shop.of(shop.ended(it))).path for it in ("sending", "day", "checking", "paying")
    )
    place = urlsplit(shop.address()).path
    addresses = ["/console/", place, f"{place}/executions", f"{failed}?node=n2", f"{good}?view=graph"]
    addresses += [f"{good}?view=timeline", f"{good}?view=values", f"{mapped}?node=n1", f"{place}/workflows"]
    addresses += [f"{place}/workflows/shop.day", f"{place}/tasks/shop.total", f"{place}/launch/shop.day"]
    addresses += [f"{place}/launch-plans/shop.day", f"{place}/compare?a={good[-20:]}&b={failed[-20:]}"]
    addresses += [f"{place}/quotas", f"{place}/audit", f"{place}/settings", f"{place}/launch/shop.drawing"]
    addresses += [f"{place}/launch-plans/shop.nightly", f"{place}/backfills", f"{paid}?node=n0"]
    found = {}
    for address in addresses:
        page.goto(shop.running.http + address)
        page.wait_for_load_state("load")
        expect(page.locator("h1").first).to_be_attached()
        page.evaluate(axe)
        for colours, width, rules in (("light", 1280, WCAG), ("dark", 1280, CONTRAST), ("light", 390, NARROW)):
            page.emulate_media(color_scheme=colours)
            page.set_viewport_size({"width": width, "height": 800})
            told = page.evaluate("only => axe.run(document, {runOnly: only, resultTypes: ['violations']})", rules)
            for violation in told["violations"]:
                for node in violation["nodes"]:
                    found[address, colours, width, violation["id"], str(node["target"])] = node["failureSummary"]
    assert "\n".join(sorted(str(it) for it in found)) == ""
