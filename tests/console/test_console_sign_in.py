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
