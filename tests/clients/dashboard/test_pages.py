# SPDX-License-Identifier: Apache-2.0
"""What the pages show of a played task, and that what the ledger says is text."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from medquorum.clients.dashboard.index.block import Certificate, IndexedBlock, read_block
from medquorum.clients.dashboard.index.queries import Queries
from medquorum.clients.dashboard.verification import Check, Subject
from medquorum.clients.dashboard.web.app import STATIC
from medquorum.clients.proof.evidence import Evidence
from medquorum.core.block_header import header_hash
from medquorum.core.documents.round import Round
from medquorum_testing.chain.memory_chain import MemoryChain
from medquorum_testing.dashboard.played_rounds import add, digest, fill, play_round, task_of
from medquorum_testing.dashboard.served import Dashboard

HOSTILE = "<script>alert(1)</script>'\"&"
ORIGIN = {"origin": "http://127.0.0.1:8765"}


def cells(page: str, row: str) -> list[str]:
    """Return the texts of the table row that begins with a text."""
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    texts = [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", one, re.DOTALL)]
        for one in rows
    ]
    return next(text for text in texts if text and text[0] == row)


def test_an_empty_index_says_so(browser: TestClient) -> None:
    page = browser.get("/").text
    assert "No task yet" in page
    assert "none yet" in page


def test_the_overview_shows_rounds_accuracy_and_refusals(dashboard: Dashboard, browser: TestClient) -> None:
    fill(dashboard.index, task_of(4, 5), 3)
    page = browser.get("/").text
    assert cells(page, "3")[1:5] == ["closed", "51.5 %", "3", "Hospital4MSP: RULE"]
    assert cells(page, "1")[4] == "Hospital2MSP: RULE"
    assert "open round 4" in page
    assert cells(page, "Hospital2MSP")[1] == "1"


def test_a_round_shows_verdicts_endorsers_and_transactions(dashboard: Dashboard, browser: TestClient) -> None:
    fill(dashboard.index, task_of(4, 5), 3)
    page = browser.get("/round?task=demo&round=2").text
    refused = cells(page, "Hospital3MSP")
    assert refused[1:6] == ["refused", "RULE", "Verify now", "base 101, mixed 3, total 200", "-98"]
    assert refused[9] == "VerifierAMSP, VerifierBMSP"
    assert cells(page, "Hospital1MSP")[1] == "accepted"
    assert digest("w", 2) in page
    assert digest("transaction", 2, 1) in page


def test_a_running_round_says_on_whom_it_waits(dashboard: Dashboard, browser: TestClient) -> None:
    task = task_of(3, 5)
    fill(dashboard.index, task, 0)
    transactions = list(play_round(task, 1, ""))
    add(dashboard.index, *transactions[:2])
    page = browser.get("/").text
    assert "Hospital2MSP, Hospital3MSP: submit an update" in re.sub(r"\s+", " ", page)


def test_a_page_is_never_newer_than_what_it_shows(
    dashboard: Dashboard, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block that comes while a page is read would else be missed by it."""
    fill(dashboard.index, task_of(3, 5), 1)
    tasks = Queries.tasks

    def meanwhile(queries: Queries) -> list[str]:
        dashboard.live.changed()
        return tasks(queries)

    monkeypatch.setattr(Queries, "tasks", meanwhile)
    assert 'data-version="0"' in browser.get("/").text


def test_a_peer_that_is_away_is_named(dashboard: Dashboard, browser: TestClient) -> None:
    fill(dashboard.index, task_of(3, 5), 1)
    dashboard.trouble = f"the peer is away {HOSTILE}"
    page = browser.get("/").text
    assert "No new blocks" in page
    assert "demo" in page
    assert HOSTILE not in page


def test_a_model_s_line_goes_back_to_the_first(dashboard: Dashboard, browser: TestClient) -> None:
    fill(dashboard.index, task_of(3, 5), 3)
    page = browser.get("/lineage?task=demo").text
    assert cells(page, "3")[1] == digest("w", 3)
    assert cells(page, "0")[1] == digest("w", 0)
    assert "failed" not in page


def test_a_round_from_elsewhere_breaks_the_line(dashboard: Dashboard, browser: TestClient) -> None:
    task = task_of(3, 5)
    fill(dashboard.index, task, 1)
    add(dashboard.index, *play_round(task, 3, ""))  # on the base of a round 2 that never was
    page = browser.get("/lineage?task=demo").text
    assert "1 rounds do not fit" in page
    assert cells(page, "1")[4] == "passed"
    assert cells(page, "3")[4].startswith("failed its base is not")


def test_a_hospital_s_history(dashboard: Dashboard, browser: TestClient) -> None:
    fill(dashboard.index, task_of(3, 5), 4)
    page = browser.get("/hospital?task=demo&hospital=Hospital2MSP").text
    assert "2 of 4 updates, 50 %" in page
    assert cells(page, "4")[1:4] == ["refused", "RULE", "-100"]
    assert cells(page, "3")[1] == "accepted"


def test_the_network_s_peers_certificates_and_refused_transactions(dashboard: Dashboard, browser: TestClient) -> None:
    chain = MemoryChain()
    raw, identifier = chain.transaction(task_of(3, 5).key, task_of(3, 5).encode())
    chain.append(raw, codes=bytes([11]))
    for block in chain.blocks:
        dashboard.index.add(read_block(block), header_hash(block.header))
    dashboard.heights = {"VerifierAMSP": 2, "VerifierBMSP": None}
    page = browser.get("/network").text
    assert cells(page, "VerifierAMSP")[2] == "2"
    assert cells(page, "VerifierBMSP")[2] == "no answer, or no peer"
    assert cells(page, "VerifierCMSP")[2] == "being asked"
    assert cells(page, "Orderer1MSP")[1] == "orderer"
    assert identifier in page
    assert "MVCC_READ_CONFLICT" in page


def test_a_certificate_that_ends_soon_is_marked(dashboard: Dashboard, browser: TestClient) -> None:
    soon, later = (int(time.time()) + days * 86_400 + 60 for days in (29, 31))
    ends = [Certificate("VerifierAMSP", "peer0", "peer", soon), Certificate("VerifierBMSP", "peer0", "peer", later)]
    dashboard.index.add(IndexedBlock(0, (), tuple(ends)), b"")
    page = browser.get("/network").text
    assert cells(page, "VerifierAMSP")[4] == "29, renew it"
    assert cells(page, "VerifierBMSP")[4] == "31"


@pytest.mark.parametrize(
    "path",
    [
        "/?task=other",
        "/lineage?task=x",
        "/hospital?task=demo&hospital=XMSP",
        "/round?task=demo&round=9",
        "/round?task=demo&round=x",
        "/round",
    ],
)
def test_what_is_not_there_is_not_found(dashboard: Dashboard, browser: TestClient, path: str) -> None:
    fill(dashboard.index, task_of(3, 5), 1)
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "No such" in answer.text


@pytest.mark.parametrize("page", ["/", "/round", "/evidence", "/lineage", "/hospital", "/network"])
def test_names_in_an_address_are_text(browser: TestClient, page: str) -> None:
    answer = browser.get(page, params={"task": HOSTILE, "round": HOSTILE, "hospital": HOSTILE})
    assert HOSTILE not in answer.text
    assert "<script>alert" not in answer.text


def test_what_others_write_into_the_ledger_is_text(dashboard: Dashboard, browser: TestClient) -> None:
    task = task_of(3, 5)
    fill(dashboard.index, task, 0)
    add(dashboard.index, [Round(task="demo", round=1, state="aborted", base=digest("w", 0), reason=HOSTILE)])
    for path in ("/", "/round?task=demo&round=1"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_a_check_is_asked_for_and_its_result_shown(dashboard: Dashboard, browser: TestClient) -> None:
    fill(dashboard.index, task_of(3, 5), 1)
    asked = browser.post("/verify?task=demo&round=1", headers=ORIGIN)
    assert asked.status_code == 303
    assert dashboard.checks.asked == [Subject("demo", 1)]
    evidence = [Evidence("verdict demo 1 Hospital1MSP", digest("t"), 7, ["VerifierAMSP", "VerifierBMSP"])]
    dashboard.checks.answers[Subject("demo", 1)] = Check(0.5, digest("genesis"), evidence)
    page = browser.get(asked.headers["location"]).text
    assert "passed" in page
    assert cells(page, "verdict demo 1 Hospital1MSP")[1:3] == ["7", "VerifierAMSP, VerifierBMSP"]
    assert "passed" in browser.get("/round?task=demo&round=1").text


def test_one_verdict_is_checked(dashboard: Dashboard, browser: TestClient) -> None:
    fill(dashboard.index, task_of(3, 5), 1)
    refused, accepted = Subject("demo", 1, "Hospital2MSP"), Subject("demo", 1, "Hospital1MSP")
    asked = browser.post("/verify", params=refused.query, headers=ORIGIN)
    assert dashboard.checks.asked == [refused]
    dashboard.checks.answers[refused] = Check(0.5, digest("genesis"), [Evidence("verdict demo 1", digest("t"), 7, [])])
    dashboard.checks.answers[accepted] = Check(0.5, reason="bent", remedy="Compare peers", failed="verdict")
    page = browser.get(asked.headers["location"]).text
    assert "Evidence of the verdict on Hospital2MSP: demo, round 1" in page
    assert "passed" in page
    assert "bent" in browser.get("/evidence", params=accepted.query).text
    round_ = browser.get("/round?task=demo&round=1").text
    assert "Not checked yet" in round_  # all of the round was not
    assert cells(round_, "Hospital2MSP")[3] == "passed"
    assert cells(round_, "Hospital1MSP")[3] == "failed"
    assert cells(round_, "Hospital3MSP")[3] == "Verify now"


def test_what_has_no_verdict_cannot_be_checked(dashboard: Dashboard, browser: TestClient) -> None:
    task = task_of(3, 5)
    fill(dashboard.index, task, 0)
    add(dashboard.index, *list(play_round(task, 1, ""))[:2])
    page = browser.get("/round?task=demo&round=1").text
    assert cells(page, "Hospital1MSP")[1] == "pending"
    assert "Verify now:" not in page


def test_a_check_that_failed_says_what_and_why(dashboard: Dashboard, browser: TestClient) -> None:
    fill(dashboard.index, task_of(3, 5), 1)
    reason = f"block 3 does not follow {HOSTILE}"
    dashboard.checks.answers[Subject("demo", 1)] = Check(0.5, reason=reason, remedy="Compare peers", failed="block")
    page = browser.get("/evidence?task=demo&round=1").text
    assert "failed" in page
    assert "block 3 does not follow &lt;script&gt;" in page
    assert "passed" not in page


def test_one_check_runs_at_a_time(dashboard: Dashboard, browser: TestClient) -> None:
    dashboard.checks.busy = True
    asked = browser.post("/verify?task=demo&round=1", headers=ORIGIN)
    assert "Another check runs" in browser.get(asked.headers["location"]).text


def test_nothing_is_from_elsewhere() -> None:
    """No address of another host stands in what browsers load; the library's comment and SVG's namespace are names."""
    files = [path for path in [*STATIC.rglob("*"), *Path(STATIC.parent, "templates").iterdir()] if path.is_file()]
    assert len(files) > 8
    for path in files:
        text = (
            path.read_text().replace("http://www.w3.org/2000/svg", "").replace("https://github.com/leeoniya/uPlot", "")
        )
        assert path.suffix == ".LICENSE" or not re.search(r"https?://|url\(|@import", text), path
