# SPDX-License-Identifier: Apache-2.0
"""Verify now: one check at a time, and every way it can end."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.auditor.api import Proven
from medquorum.clients.dashboard.verification import Check, Subject, Verification
from medquorum.clients.proof.basis import Proof
from medquorum.clients.proof.evidence import Evidence
from medquorum.errors import CheckFailed, ConfigError
from medquorum.gateway import GatewayError
from medquorum.network.supervision.waiting import await_true

PROVEN = Proven("ab", [Evidence("round demo 1", "t", 1, ["VerifierAMSP"])])


class Auditor:
    """An auditor that finds what the test says, once it lets it go on."""

    def __init__(self, found: Proven | Exception) -> None:
        self.found = found
        self.asked: list[object] = []
        self.go_on = threading.Event()

    def verify(self, *subject: object) -> Proven:
        return self._answer("round", *subject)

    def verify_verdict(self, *subject: object) -> Proven:
        return self._answer("verdict", *subject)

    def _answer(self, what: str, *subject: object) -> Proven:
        self.asked.append((what, *subject[:-1]))
        assert self.go_on.wait(10)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def checked(found: Proven | Exception, subject: Subject) -> tuple[Check, bool]:
    """Check something; return the result, and whether a second check was taken meanwhile."""
    auditor: Any = Auditor(found)
    ended = threading.Event()
    verification = Verification(auditor, Proof(Path("nowhere")), ended.set)
    assert verification.start(subject)
    running = verification.last(subject)
    assert running is not None
    assert running.state == "running"
    second = verification.start(Subject("demo", 2))
    auditor.go_on.set()
    assert ended.wait(10)
    await_true(lambda: verification.start(Subject("demo", 3)), 10, "no further check is taken")
    result = verification.last(subject)
    assert result is not None
    what = ("round", *subject[:2]) if subject.hospital is None else ("verdict", *subject)
    assert auditor.asked[0] == what
    return result, second


@pytest.mark.parametrize("subject", [Subject("demo", 1), Subject("demo", 1, "Hospital1MSP")], ids=["round", "verdict"])
@pytest.mark.parametrize(
    ("found", "state", "reason"),
    [
        (PROVEN, "passed", ""),
        (CheckFailed("block 3 is missing", "Compare", check="block"), "failed", "block 3 is missing"),
        (ConfigError("no consortium.toml", "Give it"), "not made", "no consortium.toml"),
        (GatewayError("the peer is away"), "not made", "the peer is away"),
        (RuntimeError("a fault"), "not made", "RuntimeError: a fault"),
    ],
)
def test_a_check_ends_with_its_reason(found: Proven | Exception, state: str, reason: str, subject: Subject) -> None:
    check, second = checked(found, subject)
    assert (check.state, check.reason) == (state, reason)
    assert not second
    assert bool(check.evidence) is (state == "passed")
