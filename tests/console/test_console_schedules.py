"""The way from a launch plan with a schedule to its past times, in a real browser on a real platform."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_schedule_is_activated_and_its_past_times_are_backfilled(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/launch-plans/shop.nightly"))
    schedule = page.get_by_role("region", name="Schedule")
    expect(schedule).to_contain_text("cron 0 2 * * *")
    expect(schedule.get_by_role("heading", name="Would be next")).to_be_visible()
    page.get_by_role("button", name="Activate").click()
    expect(schedule).to_contain_text(re.compile("Active with version"))
    expect(schedule.get_by_role("row", name=re.compile("02:00 UTC"))).to_have_count(5)

    page.get_by_role("link", name="Overview").click()
    coming = page.get_by_role("region", name="Schedules next")
    expect(
        coming.get_by_role("row", name=re.compile(r"shop.nightly cron 0 2 \* \* \* .* 02:00 UTC in "))
    ).to_be_visible()
    coming.get_by_role("link", name="shop.nightly").click()

    schedule.get_by_role("link", name="Backfill").click()
    fill(page, "2024-01-01", "2024-01-04")
    expect(page.get_by_role("status")).to_have_text("It would start 3 executions; 0 existed before.")
    expect(page.get_by_role("row", name=re.compile("2024-01-02 02:00 .* would start"))).to_be_visible()
    page.get_by_role("button", name="Begin", exact=True).click()
    expect(page).to_have_url(re.compile("/backfills/a[a-z0-9]+$"))
    expect(page.get_by_text("3 succeeded")).to_be_visible()

    page.get_by_role("link", name="Backfills").click()
    expect(page.get_by_role("row", name=re.compile("succeeded .* shop.nightly .* 3 succeeded"))).to_be_visible()
    fill(page, "2024-01-01", "2024-01-05")
    expect(page.get_by_role("status")).to_have_text("It would start 1 executions; 3 existed before.")


def test_what_a_backfill_cannot_be_is_told_in_the_servers_own_words(shop: Shop, page: Page) -> None:
    page.goto(shop.address("/backfills?plan=shop.nightly"))
    page.get_by_label("From").fill("yesterday")
    expect(page.get_by_role("button", name="Show what it would do")).to_be_disabled()
    fill(page, "2024-01-02", "2024-01-01")
    expect(page.get_by_role("alert")).to_contain_text("its end does not come after its beginning")
    expect(page.get_by_role("button", name="Begin", exact=True)).to_be_disabled()


def fill(page: Page, begin: str, end: str) -> None:
    """Ask what a backfill would do."""
    form = page.get_by_role("region", name="Begin a backfill")
    form.get_by_label("From").fill(begin)
    form.get_by_label("To").fill(end)
    form.get_by_label("At once").fill("2")
    form.get_by_role("button", name="Show what it would do").click()
