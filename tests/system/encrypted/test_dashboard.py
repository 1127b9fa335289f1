# SPDX-License-Identifier: Apache-2.0
"""An encrypted task in the browser while it runs: each page, and a verdict that two parties attested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from medquorum_testing.dashboard.browser import barriers, strict_page
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.role_process import RoleProcess

HOSPITAL = "Hospital2MSP"
PAGES = {
    "round": "VerifierAMSP, VerifierBMSP",
    "lineage": "Each round goes on from the model",
    "hospital": "updates",
    "network": "DealerMSP",
}
"""What each page has to show of the task."""


@pytest.fixture
def page(fed: Federation, chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """The dashboard of a hospital, opened."""
    process = RoleProcess("dashboard", tmp_path / "dashboard.log")
    profile = str(fed.running.profile("Hospital1"))
    process.start(["dashboard", "--profile", profile, "--port", "0", "--state-dir", str(tmp_path / "state")])
    link = str(process.wait_for("dashboard")["link"])
    with strict_page(chromium, link) as opened:
        opened.goto(link)
        yield opened
    process.stop()


def test_an_encrypted_round_is_watched_and_a_verdict_verified(fed: Federation, page: Page) -> None:
    home, named = page.url, f"task={fed.name}&hospital={HOSPITAL}&round="
    number = fed.opened()
    line = page.locator("#rounds tbody tr").filter(has=page.get_by_role("link", name=str(number), exact=True))
    expect(page.locator("dl")).to_contain_text("encrypted")
    expect(line).to_contain_text("open")
    fed.finished()
    expect(line).to_contain_text("closed")
    assert barriers(page) == []
    for path, shown in PAGES.items():
        page.goto(f"{home}{path}?{named}{number}")
        expect(page.locator("main")).to_contain_text(shown)
        assert barriers(page) == [], path
    page.goto(f"{home}round?{named}{number}")
    page.get_by_role("button", name=f"the verdict on {HOSPITAL}").click()
    expect(page.locator("#result .good")).to_have_text("passed", timeout=30_000)
    for verifier in ("VerifierAMSP", "VerifierBMSP"):
        expect(page.locator("#evidence")).to_contain_text(f"attestation {fed.name} {number} {HOSPITAL} {verifier}")
    assert barriers(page) == []
