# SPDX-License-Identifier: Apache-2.0
"""The round's state machine against a small model: any step at any time does what the drawing says, or is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from medquorum.shim import PeerError
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, VERIFIERS, A, Consortium, refusal

hospitals = st.sampled_from(HOSPITALS)
reasons = st.sampled_from(["", "a reason"])
ROUNDS = 3
MINIMUM = 2


class RoundMachine(RuleBasedStateMachine):
    """``state`` and the rest are what the model believes; after each step the ledger is compared with it."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.demo = Consortium(Path(self.folder.name))
        self.demo.begin(minimum_accepted=MINIMUM, rounds=ROUNDS)
        self.round = 0
        self.state = "none"
        self.model = self.demo.task()["initial_model"]
        self.clear()

    def clear(self) -> None:
        self.base = self.model
        self.good: dict[str, bool] = {}
        self.verdicts: dict[str, bool] = {}
        self.attested: set[str] = set()
        self.stored = False

    def teardown(self) -> None:
        if hasattr(self, "demo"):
            self.demo.close()
            self.folder.cleanup()

    def expect(self, code: str, function: str, *args: Any, msp: str = A) -> Any:
        """Submit on the present round; the refusal's code must be ``code``, "" for none."""
        number = max(self.round, 1)
        try:
            answer = self.demo.submit(msp, function, "demo", number, *args)
        except PeerError as error:
            assert refusal(error) == code, str(error)
            return None
        assert code == "", f"{function} was not refused with {code}"
        return answer

    def wrong_state(self, *legal: str) -> str:
        if self.state in legal:
            return ""
        return "ROUND_MISSING" if self.state == "none" else "ROUND_STATE"

    @rule()
    def open_next(self) -> None:
        number = self.round + 1
        legal = self.state in ("none", "closed", "aborted") and number <= ROUNDS
        try:
            self.demo.submit(A, "OpenRound", "demo", number)
        except PeerError as error:
            assert not legal and refusal(error) == "ROUND_ORDER", str(error)
            return
        assert legal
        self.round, self.state = number, "open"
        self.clear()

    @rule()
    def open_again_or_ahead(self) -> None:
        for number in (self.round, self.round + 2):
            if number:
                try:
                    self.demo.submit(A, "OpenRound", "demo", number)
                except PeerError as error:
                    assert refusal(error) == "ROUND_ORDER"
                else:
                    raise AssertionError(f"round {number} was opened")

    @rule(hospital=hospitals, good=st.booleans())
    def hand_in(self, hospital: str, good: bool) -> None:
        seed = 10 * self.round + HOSPITALS.index(hospital)
        packed = self.demo.good_update(seed, shift=0 if good else 1)
        code = "ROUND_MISSING" if self.state == "none" else "ROUND_CLOSED"
        if self.state == "open":
            code = "ALREADY_SUBMITTED" if hospital in self.good else ""
        try:
            self.demo.put(hospital, packed, max(self.round, 1))
            self.demo.hand_in(hospital, packed, max(self.round, 1))
        except PeerError as error:
            assert refusal(error) == code, str(error)
            return
        assert code == ""
        self.good[hospital] = good

    @rule(reason=reasons)
    def close_submissions(self, reason: str) -> None:
        code = self.wrong_state("open")
        self.expect(code, "CloseSubmissions", reason)
        if not code:
            self.state = "verifying"

    @rule(hospital=hospitals)
    def verify(self, hospital: str) -> None:
        code = self.wrong_state("verifying")
        if not code and hospital not in self.good:
            code = "UPDATE_MISSING"
        if not code:
            for verifier in VERIFIERS:
                self.demo.prepare(verifier, "PrepareVerdict", "demo", self.round, hospital)
            code = "DECIDED" if hospital in self.verdicts else ""
        verdict = self.expect(code, "VerifyUpdate", hospital)
        if verdict is not None:
            self.verdicts[hospital] = verdict["accepted"]

    @rule(reason=reasons)
    def close_verdicts(self, reason: str) -> None:
        code = self.wrong_state("verifying")
        if not code and not reason and self.verdicts.keys() != self.good.keys():
            code = "VERDICTS_PENDING"
        self.expect(code, "CloseVerdicts", reason)
        if not code:
            enough = sum(self.verdicts.values()) >= MINIMUM
            self.state = "aggregating" if enough else "closed"

    @rule(verifier=st.sampled_from(VERIFIERS))
    def attest(self, verifier: str) -> None:
        code = self.wrong_state("aggregating")
        result = {} if code else self.demo.attestation_result(verifier, self.round)
        if not code and verifier in self.attested:
            code = "ALREADY_ATTESTED"
        self.expect(code, "AttestAggregate", result, msp=verifier)
        if not code:
            self.attested.add(verifier)
            self.worse, self.candidate = result["worse"], result["model"]

    @rule()
    def store(self) -> None:
        code = self.wrong_state("aggregating")
        if not code:
            for verifier in VERIFIERS:
                self.demo.attestation_result(verifier, self.round)
            self.stored = True
        self.expect(code, "StoreModelChunk", 0)

    @rule(reason=reasons)
    def close_round(self, reason: str) -> None:
        code = self.wrong_state("aggregating")
        if not code and self.attested != set(VERIFIERS):
            code = "NO_MAJORITY"
        if not code and not self.worse and not self.stored:
            code = "MODEL_MISSING"
        self.expect(code, "CloseRound", reason)
        if not code:
            self.state = "closed"
            self.model = self.base if self.worse else self.candidate

    @rule(steps=st.integers(1, 6))
    def go_on(self, steps: int) -> None:
        """Take legal steps, which random ones seldom are in a row."""
        for _ in range(steps):
            if self.state in ("none", "closed", "aborted"):
                self.open_next()
            elif self.state == "open":
                for hospital in HOSPITALS:
                    self.hand_in(hospital, hospital != HOSPITALS[-1])
                self.close_submissions("")
            elif self.state == "verifying":
                for hospital in HOSPITALS:
                    self.verify(hospital)
                self.close_verdicts("on")
            else:
                self.attest(VERIFIERS[0])
                self.close_round("")
                self.attest(VERIFIERS[1])
                self.store()
                self.close_round("")

    @rule(reason=reasons, meant=st.integers(0, 3))
    def abort(self, reason: str, meant: int) -> None:
        if meant:
            return
        code = self.wrong_state("open", "verifying", "aggregating")
        self.expect(code or ("" if reason else "BAD_ARGUMENT"), "AbortRound", reason)
        if not code and reason:
            self.state = "aborted"

    @invariant()
    def ledger_agrees(self) -> None:
        if not hasattr(self, "demo"):
            return
        current = self.demo.read(A, "ReadCurrentRound", "demo")
        if current is None:
            assert self.state == "none"
            return
        assert (current["round"], current["state"], current["base"]) == (self.round, self.state, self.base)
        if self.state in ("aggregating", "closed"):
            assert set(current["accepted"]) == {h for h, accepted in self.verdicts.items() if accepted}
            assert all(self.good[h] for h in current["accepted"]), "a bad update was accepted"
        if self.state in ("closed", "aborted"):
            assert current["model"] == self.model


TestRoundMachine = RoundMachine.TestCase
TestRoundMachine.settings = settings(max_examples=20, stateful_step_count=20, suppress_health_check=list(HealthCheck))
