# SPDX-License-Identifier: Apache-2.0
"""Photographs the dashboard's pages into docs/pictures, from a link that ``medquorum dashboard`` printed.

``python docs/pictures/photograph.py LINK TASK ROUND HOSPITAL``; needs Chromium. ``scripts/quickstart --keep`` makes
such a task; HOSPITAL is an MSP id whose update was judged in that round.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Page, sync_playwright

PLACE = Path(__file__).parent
WIDE, PHONE = {"width": 1100, "height": 820}, {"width": 390, "height": 780}
LARGEST = 200_000
"""Bytes of a picture in the repository."""


def photograph(link: str, task: str, round_number: str, hospital: str) -> None:
    """Write a picture of each page."""
    home = link.partition("?")[0]
    named = urlencode({"task": task, "round": round_number, "hospital": hospital})
    with sync_playwright() as driver:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(viewport=WIDE, color_scheme="light").new_page()
        page.goto(link)
        page.goto(f"{home}?{urlencode({'task': task})}")
        page.wait_for_selector(".uplot canvas")
        keep(page, "dashboard-task")
        page.goto(f"{home}round?{named}")
        keep(page, "dashboard-round")
        page.get_by_role("button", name=f"the verdict on {hospital}").click()
        page.wait_for_selector("#result .good", timeout=60_000)
        keep(page, "dashboard-evidence")
        for path, name in (("lineage", "models"), ("hospital", "hospital"), ("network", "network")):
            page.goto(f"{home}{path}?{named}")
            keep(page, f"dashboard-{name}")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(PHONE)
        page.goto(f"{home}?{urlencode({'task': task})}")
        page.wait_for_selector(".uplot canvas")
        keep(page, "dashboard-phone")
        browser.close()


def keep(page: Page, name: str) -> None:
    """Write the visible part of a page."""
    picture = page.screenshot(path=PLACE / f"{name}.png")
    if len(picture) > LARGEST:
        sys.exit(f"{name}.png has {len(picture)} bytes, more than {LARGEST}")


if __name__ == "__main__":
    photograph(*sys.argv[1:])
