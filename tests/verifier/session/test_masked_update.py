# SPDX-License-Identifier: Apache-2.0
"""A session on an update that its hospital handed over under its mask: same counts, fewer bytes, one party's word."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from medquorum.core import canonical
from medquorum.errors import MaterialError, ProtocolError
from medquorum.verifier.binding.commitment import ShareContext
from medquorum.verifier.binding.masked_update import commit_update, mask_commitment, open_masked_update
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.model.parameters import MaskedUpdate
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.session.greeting import REFUSALS, BaseCounts, Refusal
from medquorum.verifier.session.journal import Journal
from medquorum.verifier.session.local import Inputs, measure
from medquorum.verifier.session.session import Session
from medquorum.verifier.session.spec import ImageInputs, Observer, PartyInputs
from medquorum_testing.encrypted.local_dealer import LocalDealer
from medquorum_testing.encrypted.one_session import CASE, IMAGES, correct, spec
from medquorum_testing.encrypted.two_parties import split

PARTIES = ("VerifierAMSP", "VerifierBMSP")
CONTEXT = ShareContext("demo", 1, "Hospital1MSP", "b" * 64, "c" * 64)
STATED = BaseCounts(correct=5, per_class_correct=(5,), per_class_total=(IMAGES,))
PARAMETERS = CASE.flat().size


class Kept:
    """What one party was handed, if anything."""

    def __init__(self, given, value):
        self._given, self.kept = given, value

    def value(self):
        return self.kept

    def take(self, value):
        held = MaskedUpdate(open_masked_update(CONTEXT, value, self._given.masked, PARAMETERS))
        self.kept = value
        return held


class Checks(Observer):
    """Holds the dealer's seed against the hospital's commitment, as a party does."""

    def __init__(self, given, party, seen):
        self._given, self._party, self._seen = given, party, seen

    def mask(self, seed):
        self._seen.append(seed)
        if mask_commitment(CONTEXT, self._party, seed) != self._given.masks[self._party]:
            raise MaterialError("the dealer deals another mask than the one that the hospital has committed to")

    def masked(self, parameters):
        raise AssertionError("nothing of the update is opened")


def run(folder, dealer, *, has=(True, True), given=None, lines=None, seen=None):
    """Verify with what these parties were handed; return what both learnt, or their errors."""
    given = given or commit_update(CONTEXT, PARTIES, CASE.flat(), dealer.mask_seeds, bytes(32))
    transports = [make(line) for make, line in zip(lines or (lambda line: line,) * 2, in_process(), strict=True)]
    stores = [Kept(given, given.value if there else None) for there in has]

    def party(index):
        (folder / str(index)).mkdir(parents=True, exist_ok=True)
        inputs = PartyInputs(
            index,
            dealer.spec,
            Journal(folder / str(index) / "Hospital1MSP.journal"),
            dealer.asked(index),
            CASE.base,
            stores[index].take(given.value) if has[index] else None,
            ImageInputs((CASE.images, CASE.labels.astype(np.int64)), statement=STATED) if index == 0 else None,
            stores[index],
        )
        try:
            return Session(inputs, Checks(given, PARTIES[index], [] if seen is None else seen)).run(transports[index])
        except (ProtocolError, MaterialError) as error:
            return error
        finally:
            transports[index].close()

    with ThreadPoolExecutor(2) as pool:
        return [*pool.map(party, (0, 1))], stores


@pytest.fixture
def dealer():
    return LocalDealer(spec("tree", only_bit=False))


def test_counts_are_those_of_the_update(tmp_path, dealer):
    (first, second), _ = run(tmp_path, dealer)
    assert first == second
    assert (first.holds, first.counts) == (True, (correct(CASE.flat()),))


def test_the_parties_line_is_lighter_by_all_parameters():
    """By eight bytes a parameter each way, and a round."""
    plan = make_plan(CASE.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)
    flat = CASE.flat()
    costs = []
    for given in (split(flat), flat):
        inputs = Inputs(CASE.base, given, CASE.images, CASE.labels.astype(np.int64), IMAGES)
        report = measure(plan, inputs, Tree)
        assert all(outcome.counts == [correct(flat)] for outcome in report.outcomes)
        costs.append(report.outcomes[0].model)
    opened, handed = costs
    assert (opened.sent - handed.sent, opened.rounds - handed.rounds) == (8 * PARAMETERS, 1)


@pytest.mark.parametrize("lacking", [0, 1])
def test_one_partys_word_is_answered_by_the_bytes(tmp_path, dealer, lacking):
    (first, second), stores = run(tmp_path, dealer, has=(lacking != 0, lacking != 1))
    assert first == second
    assert (first.refusal, first.counts) == (None, (correct(CASE.flat()),))
    assert stores[0].kept == stores[1].kept


def test_what_neither_was_handed_is_disputed_by_both(tmp_path, dealer):
    (first, second), _ = run(tmp_path, dealer, has=(False, False))
    assert first == second
    assert first.refusal == Refusal("DISPUTED", (0, 1))
    assert dealer.attempts == []


class Liar:
    """A line of a party that says it has, or lacks, the update, and sends another one."""

    def __init__(self, line, share, value):
        self._line, self._share, self._value = line, share, value

    def __getattr__(self, name):
        return getattr(self._line, name)

    def exchange(self, message):
        self.send(message)
        return self.receive()

    def send(self, message):
        if b'"facts"' in message:
            message = canonical.encode(canonical.decode(message) | {"share": self._share})
        elif self._value is not None and len(message) in (0, 32 + 8 * PARAMETERS):
            message = self._value
        self._line.send(message)


@pytest.mark.parametrize("value", [b"", bytes(32 + 8 * PARAMETERS)])
def test_other_bytes_than_the_hospitals_give_no_verdict(tmp_path, dealer, value):
    (first, second), stores = run(
        tmp_path, dealer, has=(True, False), lines=(lambda line: Liar(line, True, value), lambda line: line)
    )
    assert isinstance(second, ProtocolError) and "not the one it committed to" in str(second)
    assert isinstance(first, ProtocolError)
    assert stores[1].kept is None


def test_who_says_it_lacks_what_it_has_is_given_it_and_gets_no_refusal(tmp_path, dealer):
    """Once, the word alone ended the update as disputed."""
    (first, second), _ = run(tmp_path, dealer, lines=(lambda line: line, lambda line: Liar(line, False, None)))
    assert not any(getattr(found, "refusal", None) for found in (first, second))


def test_a_dealer_that_gave_the_hospital_another_mask_is_found(tmp_path, dealer):
    """It would evaluate, and sum, the update shifted by a difference of its choice."""
    given = commit_update(CONTEXT, PARTIES, CASE.flat(), (b"0" * 32, b"1" * 32), bytes(32))
    for _ in range(REFUSALS):
        found, _ = run(tmp_path, dealer, given=given)
        assert all(isinstance(error, MaterialError | ProtocolError) for error in found)
        assert any("deals another mask" in str(error) for error in found)
    (first, second), _ = run(tmp_path, dealer, given=given)
    assert first == second
    assert first.refusal is not None and first.refusal.reason == "NO_MATERIAL"


def test_all_attempts_have_one_mask(tmp_path, dealer):
    seen = []

    class Killed(Liar):
        def send(self, message):
            self.sent = getattr(self, "sent", 0) + 1
            if self.sent == 9:
                raise ProtocolError("killed")
            self._line.send(message)

    found, _ = run(tmp_path, dealer, lines=(lambda line: line, lambda line: Killed(line, True, None)), seen=seen)
    assert all(isinstance(error, ProtocolError) for error in found)
    (first, second), _ = run(tmp_path, dealer, seen=seen)
    assert first == second and first.counts == (correct(CASE.flat()),)
    assert len(dealer.attempts) == 2
    assert sorted(seen) == sorted([*dealer.mask_seeds] * 2)
