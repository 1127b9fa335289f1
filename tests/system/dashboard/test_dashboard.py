# SPDX-License-Identifier: Apache-2.0
"""``medquorum dashboard`` on a running network: what it shows is the ledger's, live, and while the peer is away."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from medquorum.clients.dashboard.index.queries import Queries
from medquorum.clients.dashboard.index.store import IndexFile
from medquorum.clients.ledger.history import history
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.dashboard.browser import barriers, strict_page
from medquorum_testing.federation.federation_task import COORDINATOR
from medquorum_testing.federation.ledger_rounds import HOSPITAL, LedgerRounds
from medquorum_testing.federation.role_process import RoleProcess
from medquorum_testing.network.folder_network import NETWORKS, FolderNetwork
from medquorum_testing.network.networks import Networks

TASK = "watched"
PAGES = ("round", "evidence", "lineage", "hospital", "network")
_running = FolderNetwork(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@dataclass(frozen=True)
class Watched:
    """A task one round old, and the dashboard of a hospital that watches it."""

    rounds: LedgerRounds
    process: RoleProcess
    state: Path

    def start(self) -> str:
        """Start the dashboard; return its link."""
        mark = self.process.mark
        command = ["dashboard", "--profile", str(self.rounds.running.profile(HOSPITAL)), "--port", "0"]
        self.process.start([*command, "--state-dir", str(self.state)])
        return str(self.process.wait_for("dashboard", since=mark)["link"])

    def next_link(self, used: str) -> str:
        """Return the link that was printed when one was used."""
        await_true(lambda: self.process.events[-1].get("link") != used, 10, "no new link")
        return str(self.process.events[-1]["link"])


@pytest.fixture(scope="module", params=NETWORKS)
def watched(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    with _running:
        running = networks.start(request.param, hospitals=1)
        _running.callback(running.network.down, purge=True)
        place = tmp_path_factory.mktemp("watched")
        rounds = _running.enter_context(LedgerRounds(running, place, TASK))
        rounds.play(1)
        process = RoleProcess("dashboard", place / "dashboard.log")
        yield Watched(rounds, process, place / "state")
        if process.running:
            process.stop()


@pytest.fixture
def page(watched: Watched, chromium: Browser) -> Iterator[Page]:
    """A page that has opened the dashboard's link."""
    link = watched.start()
    with strict_page(chromium, link) as opened:
        opened.goto(link)
        yield opened
    watched.process.stop()


def address(page: Page, path: str) -> str:
    return page.url.partition("?")[0].rstrip("/") + path


def test_a_running_task_is_watched_and_verified(watched: Watched, page: Page) -> None:
    rounds = watched.rounds
    home = page.url
    expect(page.get_by_text("open round 2")).to_be_visible()
    base = rounds.open(2)
    expect(page.get_by_text("Hospital1MSP: submit an update")).to_be_visible()
    beyond = np.full(rounds.task.length // 4, 1 << 30, "<i4")  # no parameter may be so large
    rounds.hand_in(2, *rounds.update(base, beyond.tobytes()))
    rounds.judge(2)
    judged = time.monotonic()
    expect(page.get_by_text("Hospital1MSP: RANGE")).to_be_visible()
    assert time.monotonic() - judged < 2
    page.get_by_role("link", name="2", exact=True).click()
    expect(page.locator("#updates .bad")).to_have_text("refused")
    expect(page.locator("#updates")).to_contain_text("VerifierAMSP, VerifierBMSP")
    rounds.submit(COORDINATOR, "AbortRound", 2, "nothing was accepted")
    expect(page.locator("dl")).to_contain_text("aborted: nothing was accepted")
    for path in ("", *(f"{one}?task={TASK}&round=2&hospital=Hospital1MSP" for one in PAGES)):
        page.goto(home + path)
        expect(page.locator("h1")).to_be_visible()
        assert barriers(page) == [], path
    page.goto(f"{home}network")
    expect(page.locator("#members tr", has_text="Hospital1MSP").locator("td").last).to_have_text(re.compile(r"[0-9]+"))
    expect(page.locator("#certificates")).to_contain_text("VerifierAMSP")
    page.goto(f"{home}hospital?task={TASK}&hospital=Hospital1MSP")
    expect(page.locator("dl")).to_contain_text("1 of 2 updates")
    page.goto(f"{home}lineage?task={TASK}")
    expect(page.locator("#lineage .bad")).to_have_count(0)
    expect(page.locator("#lineage tbody tr")).to_have_count(3)
    verify(page, f"{home}round?task={TASK}&round=1", "Verify this round now", "model ")
    verify(page, f"{home}round?task={TASK}&round=2", "Verify now: the verdict on Hospital1MSP", "update watched 2")


def verify(page: Page, round_page: str, button: str, rests_on: str) -> None:
    """Press a button of a round's page; the check is green and shows the verdict and what it rests on."""
    page.goto(round_page)
    page.get_by_role("button", name=button).click()
    expect(page.locator("#result .good")).to_have_text("passed", timeout=30_000)
    expect(page.locator("#evidence")).to_contain_text(re.compile(r"verdict watched [12] Hospital1MSP"))
    expect(page.locator("#evidence")).to_contain_text(rests_on)


def test_a_peer_that_stops_is_named_and_waited_for(watched: Watched, page: Page) -> None:
    watched.rounds.running.stop(HOSPITAL)
    expect(page.locator("#status")).to_contain_text("No new blocks", timeout=20_000)
    page.reload()
    expect(page.locator("#rounds")).to_contain_text("closed")
    watched.rounds.running.start(HOSPITAL)
    expect(page.locator("#status")).to_contain_text("Live", timeout=60_000)
    watched.rounds.running.await_acquaintance("medquorum")  # the tests after this one write again


def test_the_index_says_what_the_peer_answers_and_goes_on_after_a_restart(watched: Watched) -> None:
    rounds = watched.rounds
    rounds.play(3)
    ledger = rounds.ledger(HOSPITAL)
    watched.start()
    index = IndexFile(watched.state / "index.sqlite")

    def read(number: int) -> RoundStatus:
        with index.reader() as connection:
            return Queries(connection).status(TASK, number)

    last = ledger.status(TASK, 3).round
    await_true(lambda: read(3).round == last, 20, "the index does not come so far")
    assert [summary.state for summary in history(ledger, TASK, "Hospital1MSP")] == ["closed", "aborted", "closed"]
    for number in (1, 2, 3):
        answered, indexed = ledger.status(TASK, number), read(number)
        for name in ("round", "updates", "verdicts", "aggregates", "conclusion", "attestations", "masks", "root"):
            assert getattr(indexed, name) == getattr(answered, name), f"round {number}: {name}"
    with index.reader() as connection:
        assert Queries(connection).task(TASK) == ledger.task(TASK)
    watched.process.stop()
    index.close()
