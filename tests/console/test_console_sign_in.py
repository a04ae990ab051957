"""The console of a server that must know who calls: signing in, and what somebody may then see."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.cli import flytelike, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PLACE = "/console/p/flytesnacks/development"


def test_sign_in_see_quotas_and_the_audit_log_and_sign_out(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with up(folder, "--require-login") as running:
        bounded = flytelike(folder, "quota", "set", "flytesnacks", "--limit", "attempts=7")
        assert bounded.code == 0, bounded.stderr
        granted = flytelike(folder, "grant", "add", "user:ann", "admin", "-p", "flytesnacks")
        assert granted.code == 0, granted.stderr
        token = flytelike(folder, "token", "create", "--user", "ann").stdout.strip()
        page.goto(f"{running.http}{PLACE}/quotas")
        page.get_by_label("Token").fill("flt_not_a_token")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("the token is not known here")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        expect(
            page.get_by_role("region", name="project flytesnacks").get_by_role("row", name="attempts")
        ).to_contain_text("7")
        page.get_by_role("link", name="Audit log").click()
        expect(page.get_by_role("row", name="CreateGrant").first).to_contain_text("done")
        page.get_by_role("link", name="Settings").click()
        page.get_by_role("form", name="Give a role").get_by_label("Who").fill("user:ben")
        page.get_by_role("button", name="Give the role").click()
        expect(page.get_by_role("row", name="user:ben viewer")).to_be_visible()
        page.get_by_role("button", name="Create a token").click()
        expect(page.get_by_role("region", name="Your tokens").get_by_role("alert")).to_contain_text("with a token")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("form", name="Sign in")).to_be_visible()
        page.reload()
        expect(page.get_by_role("form", name="Sign in")).to_be_visible()


def test_an_admin_changes_a_quota_and_a_viewer_is_refused(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with up(folder, "--require-login") as running:
        bounded = flytelike(folder, "quota", "set", "flytesnacks", "--limit", "attempts=7")
        assert bounded.code == 0, bounded.stderr
        for who, words in (("ann", ("admin", "--platform")), ("ben", ("viewer", "-p", "flytesnacks"))):
            granted = flytelike(folder, "grant", "add", f"user:{who}", *words)
            assert granted.code == 0, granted.stderr
        tokens = {who: flytelike(folder, "token", "create", "--user", who).stdout.strip() for who in ("ann", "ben")}
        quota = page.get_by_role("region", name="project flytesnacks")
        attempts = quota.get_by_role("row", name="attempts")

        page.goto(f"{running.http}{PLACE}/quotas")
        sign_in(page, tokens["ben"])
        expect(attempts).to_contain_text("7")
        quota.get_by_role("textbox", name="Limit").fill("9")
        quota.get_by_role("button", name="Set the limit").click()
        expect(quota.get_by_role("alert")).to_contain_text("ben is no admin of the platform")
        page.reload()
        expect(attempts).to_contain_text("7")
        page.get_by_role("button", name="Sign out").click()

        sign_in(page, tokens["ann"])
        quota.get_by_role("textbox", name="Limit").fill("many")
        quota.get_by_role("button", name="Set the limit").click()
        expect(quota.get_by_role("alert")).to_contain_text('"many" is no amount of attempts')
        quota.get_by_role("textbox", name="Limit").fill("9")
        quota.get_by_role("button", name="Set the limit").click()
        expect(attempts).to_contain_text("9")
        quota.get_by_role("combobox", name="Resource").select_option("memory")
        quota.get_by_role("textbox", name="Limit").fill("64Gi")
        quota.get_by_role("button", name="Set the limit").click()
        expect(quota.get_by_role("row", name="memory")).to_contain_text("64 GiB")
        quota.get_by_role("button", name="Take the limit away").click()
        expect(quota.get_by_role("row", name="memory")).to_have_count(0)
        expect(attempts).to_contain_text("9")


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
