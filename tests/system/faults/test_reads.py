# SPDX-License-Identifier: Apache-2.0
"""How often clients ask their peers for a round's status: once for each change that they act on, not more."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from medquorum.clients.runtime.reconcile import RESYNC_INTERVAL
from medquorum.clients.verifier.actions import RECHECK
from medquorum_testing.federation.federation import Federation

STATUS = ("ReadCurrentRound", "ReadCurrentStatus", "ReadRoundStatus")


class Calls:
    """What an organisation's chaincode has been asked for since ``begin``."""

    def __init__(self, fed: Federation, name: str) -> None:
        self._log = fed.running.folder.log(fed.node(name, "chaincode"))
        self.begin()

    def begin(self) -> None:
        self._start = self._log.stat().st_size

    def count(self) -> Counter[str]:
        lines = self._log.read_bytes()[self._start :].decode().splitlines()
        return Counter(line.removeprefix("called ") for line in lines if line.startswith("called "))

    def of_status(self) -> int:
        found = self.count()
        return sum(found[name] for name in STATUS)


@pytest.fixture
def calls(fed: Federation) -> Iterator[dict[str, Calls]]:
    """The calls at a hospital's and a verifier's chaincode; the verifier takes nothing over, so it does not look."""
    names = ("Hospital1", "VerifierB")
    fed.roles["VerifierB"].stop()
    fed.start("VerifierB", "--takeover", "300")
    with fed.tampered(names, "noting"):
        fed.opened()
        fed.finished()
        yield {name: Calls(fed, name) for name in names}
    fed.roles["VerifierB"].stop()


def test_a_client_reads_the_status_once_for_each_change(fed: Federation, calls: dict[str, Calls]) -> None:
    for one in calls.values():
        one.begin()
    hospital, verifier = fed.roles["Hospital1"], fed.roles["VerifierB"]
    marks = hospital.mark, verifier.mark
    started = time.monotonic()
    number = fed.opened()
    fed.finished()
    hospital.wait_for("model_checked", since=marks[0], round=number)
    seconds = time.monotonic() - started
    looks = int(seconds / RESYNC_INTERVAL)
    print(*(f"{name}: {dict(one.count())}" for name, one in calls.items()), sep="\n")
    # Opened, verdicts closed, round closed; and one that the round before still owed.
    assert 3 <= calls["Hospital1"].of_status() <= 4 + looks
    # Three updates; submissions, verdicts and round closed; what it wrote or tried to.
    tried = [event for event in verifier.events[marks[1] :] if event["event"] == "phase"]
    written = sum(event["phase"] in ("verdicts", "aggregation", "store") for event in tried)
    # This coordinator takes single steps: the verifier has waited for a conclusion of the verdicts, and of the model.
    in_vain = 2 + int(seconds / RECHECK)
    assert 3 <= calls["VerifierB"].of_status() <= 4 + len(fed.hospitals) + written + in_vain + looks
