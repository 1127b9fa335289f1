# SPDX-License-Identifier: Apache-2.0
"""A real browser, without a window: the distribution's Chromium, and a page that forgives nothing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

__all__ = ["barriers", "chromium", "processor_seconds", "strict_page"]

REQUIRED = "CI_REQUIRE_BROWSER"
"""The variable that makes a missing browser a failure: .ci/run sets it."""
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; skips the test where none is installed, unless one is required.

    Not for the session: as long as its driver runs, nothing else can run an event loop in this thread.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set and there is no Chromium: apt-get install chromium")
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_playwright() as driver:
        # Within a container its own sandbox needs rights that root there does not have; the pages are ours.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


def processor_seconds() -> float:
    """Return the processor time of this process, which serves, and of the browser that it has started."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # the driver between the two is of the test alone
            if "chrom" in process.name():
                used = process.cpu_times()
                total += used.user + used.system
    return total + time.process_time()


def barriers(page: Page) -> list[str]:
    """Return what axe-core finds that keeps somebody from reading or using a page: its rule and the elements."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]


@contextmanager
def strict_page(browser: Browser, address: str, **options: object) -> Iterator[Page]:
    """Yield a new visitor's page; afterwards nothing was wrong in its console, and no other host was asked."""
    context = browser.new_context(**options)
    page = context.new_page()
    faults: list[str] = []
    hosts: set[str] = set()

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    try:
        yield page
    finally:
        context.close()
    assert faults == []
    assert hosts <= {urlsplit(address).netloc}
