# SPDX-License-Identifier: Apache-2.0
"""A party's session: equal to plain evaluation, resumed at a batch boundary, refused where orders differ."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from medquorum.core import canonical
from medquorum.core.inference import compile_model, count_correct
from medquorum.core.model import catalogue
from medquorum.errors import DataError, MaterialError, ProtocolError
from medquorum.verifier.binding.commitment import ShareContext, commit_shares, open_share
from medquorum.verifier.binding.masks import update_mask
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.session.greeting import REFUSALS, BaseCounts, Refusal
from medquorum.verifier.session.journal import Batch, Journal, common_batches
from medquorum.verifier.session.session import Session
from medquorum.verifier.session.spec import ImageInputs, Observer, PartyInputs, VerificationSpec
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.local_dealer import LocalDealer

IMAGES, BATCH = 30, 8
CASE = case(catalogue.describe("mlp", (1, 8, 8), 4), IMAGES)
SAMPLES = CASE.images, CASE.labels.astype(np.int64)
PARTIES = ("VerifierAMSP", "VerifierBMSP")
STATED = BaseCounts(correct=5, per_class_correct=(5,), per_class_total=(IMAGES,))
CONTEXT = ShareContext("demo", 1, "Hospital1MSP", "b" * 64, "c" * 64)


def plain(update=CASE.update):
    program = compile_model(CASE.description, CASE.base, update, lambda_numerator=1, lambda_bits=1)
    return count_correct(program, CASE.images, CASE.labels)


def spec(*, only_bit=False, per_class=False):
    plan = make_plan(
        CASE.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True, per_class=per_class
    )
    facts = {"update": "d" * 64, "dataset": "e" * 64, "rule": "strict"}
    return VerificationSpec(MaterialId("demo", 1, "Hospital1MSP"), facts, plan, "tree", IMAGES, BATCH, only_bit)


def shares():
    """Upload the update as a hospital does, and open it as the parties do."""
    given = commit_shares(CONTEXT, PARTIES, CASE.flat(), bytes(32))
    return tuple(
        open_share(CONTEXT, party, index, over.value, over.commitment, CASE.flat().size)
        for index, (party, over) in enumerate(zip(PARTIES, given, strict=True))
    )


def fast():
    return 1e9


def run(
    folder,
    orders,
    dealer,
    *,
    shares=None,
    minima=None,
    stop_after=(None, None),
    bandwidth=(fast, fast),
    keep=None,
    lost=None,
    samples=SAMPLES,
):
    """Run both parties; a party stops like a killed one after ``stop_after`` batches."""
    transports = in_process()
    given = shares or SHARES

    def party(index):
        images = None
        if index == 0 and samples is not None:
            images = ImageInputs(samples, minima, None if orders[0].only_bit else STATED)

        class Watch(Observer):
            def progress(self, done, total):
                if stop_after[index] is not None and done >= stop_after[index] * BATCH:
                    raise KeyboardInterrupt

            def masked(self, parameters):
                if keep is not None:
                    keep(parameters)

        (folder / str(index)).mkdir(exist_ok=True)
        journal = None if index == lost else Journal(folder / str(index) / "Hospital1MSP.journal")
        dealing = dealer.asked(index, bandwidth[index])
        inputs = PartyInputs(index, orders[index], journal, dealing, CASE.base, given[index], images)
        try:
            return Session(inputs, Watch()).run(transports[index])
        except (KeyboardInterrupt, ProtocolError, MaterialError) as error:
            return error
        finally:
            transports[index].close()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(party, (0, 1)))


SHARES = shares()


@pytest.mark.parametrize("per_class", [False, True])
def test_counts_equal_plain_evaluation(tmp_path, per_class):
    the_spec = spec(per_class=per_class)
    first, second = run(tmp_path, (the_spec, the_spec), LocalDealer(the_spec))
    found = plain()
    expected = (found.correct, *found.per_class_correct) if per_class else (found.correct,)
    assert first == second
    assert (first.holds, first.counts, first.statement) == (True, expected, STATED)
    assert first.refusal is None


@pytest.mark.parametrize("margin", [0, 1])
def test_only_the_bit_is_opened(tmp_path, margin):
    the_spec = spec(only_bit=True, per_class=True)
    found = plain()
    minima = np.array([found.correct + margin, *found.per_class_correct], dtype=np.int64)
    results = run(tmp_path, (the_spec, the_spec), LocalDealer(the_spec), minima=minima)
    assert [(result.holds, result.counts) for result in results] == [(margin == 0, ())] * 2


@pytest.mark.parametrize(("stop_after", "kept"), [((2, None), 2), ((None, 3), 3), ((1, 2), 1)])
def test_a_killed_party_resumes_after_the_last_common_batch(tmp_path, stop_after, kept):
    the_spec = spec()
    dealer = LocalDealer(the_spec)
    opened = []
    stopped = run(tmp_path, (the_spec, the_spec), dealer, stop_after=stop_after, keep=opened.append)
    assert all(isinstance(result, BaseException) for result in stopped)
    first, second = run(tmp_path, (the_spec, the_spec), dealer, keep=opened.append)
    mask = update_mask(dealer.mask_seeds, the_spec.name, CASE.flat().size)
    assert len(opened) == 4
    assert all((each == CASE.flat() + mask).all() for each in opened), "one mask in all attempts"
    assert first == second
    assert first.counts == (plain().correct,)
    assert [attempt for attempt, _ in dealer.attempts] == [1, 2]
    assert dealer.attempts[1][1] == kept, "also the first of two that took turns"


def test_different_orders_are_refused(tmp_path):
    mine = spec()
    other = replace(mine, facts={**mine.facts, "dataset": "f" * 64})
    results = run(tmp_path, (mine, other), LocalDealer(mine))
    assert all(isinstance(result, ProtocolError) and "differ about dataset" in str(result) for result in results)


def test_a_missing_share_is_a_dispute_and_uses_no_material(tmp_path):
    the_spec = spec()
    dealer = LocalDealer(the_spec)
    results = run(tmp_path, (the_spec, the_spec), dealer, shares=(SHARES[0], None))
    assert results[0] == results[1]
    assert (results[0].refusal, results[0].holds) == (Refusal("DISPUTED", (1,)), False)
    assert dealer.attempts == []


@pytest.mark.parametrize("only_bit", [False, True])
@pytest.mark.parametrize("given", [SHARES, (SHARES[0], None)], ids=["both shares", "one share"])
def test_without_images_nothing_is_evaluated_and_no_material_used(tmp_path, only_bit, given):
    the_spec = spec(only_bit=only_bit)
    dealer = LocalDealer(the_spec)
    first, second = run(tmp_path, (the_spec, the_spec), dealer, shares=given, samples=None)
    assert first == second
    assert (first.refusal, first.holds, first.counts) == (Refusal("DATASET", (0,)), False, ())
    assert dealer.attempts == []
    assert [Journal(tmp_path / str(index) / "Hospital1MSP.journal").attempts for index in (0, 1)] == [0, 0]


@pytest.mark.parametrize("mounted", [True, False])
def test_a_p0_that_lies_about_its_images_gets_no_finding_of_both(tmp_path, monkeypatch, mounted):
    class Lying(Slow):
        def send(self, message):
            if b'"facts"' in message:
                message = canonical.encode(canonical.decode(message) | {"images": not mounted})
            self._transport.send(message)

    first, second = in_process()
    monkeypatch.setitem(globals(), "in_process", lambda: (Lying(first, 0), second))
    found = run(tmp_path, (spec(), spec()), LocalDealer(spec()), samples=SAMPLES if mounted else None)
    refusing = found[1] if mounted else found[0]
    assert refusing.refusal == Refusal("DATASET", (0,)) and not refusing.holds
    assert isinstance(found[0] if mounted else found[1], ProtocolError)


class RefusingDealer(LocalDealer):
    """Gives one party nothing, the other what it asks for."""

    def material(self, party, attempt, first, comparing):
        if party == 1:
            raise MaterialError("this is not the plan of the task", "Compare the parties' task")
        return super().material(party, attempt, first, comparing)


def test_a_party_that_is_refused_for_good_ends_with_a_reason(tmp_path):
    the_spec = spec()
    dealer = RefusingDealer(the_spec)
    for _ in range(REFUSALS):
        results = run(tmp_path, (the_spec, the_spec), dealer)
        assert isinstance(results[1], MaterialError)
    first, second = run(tmp_path, (the_spec, the_spec), dealer)
    assert first == second
    assert (first.refusal, first.holds) == (Refusal("NO_MATERIAL", (1,)), False)
    assert len(dealer.attempts) == REFUSALS


def test_a_finished_batch_ends_the_row_of_refusals(tmp_path):
    path = tmp_path / "a.journal"
    journal = Journal(path)
    for attempt in (1, 2):
        journal.begin(attempt, 0, "tree")
        journal.refused()
    assert (journal.refusals, Journal(path).refusals) == (2, 2)
    journal.begin(3, 0, "tree")
    journal.finish(Batch(3, np.arange(1), "aa"))
    assert (journal.refusals, Journal(path).refusals) == (0, 0)


def test_a_party_whose_journal_is_lost_uses_no_material(tmp_path):
    the_spec = spec()
    dealer = LocalDealer(the_spec)
    first, second = run(tmp_path, (the_spec, the_spec), dealer, lost=1)
    assert first == second
    assert first.refusal == Refusal("NO_MATERIAL", (1,))
    assert dealer.attempts == []


@pytest.mark.parametrize("change", ["value", "party", "round", "base", "size"])
def test_a_share_that_is_not_the_committed_one_is_refused(change):
    over = commit_shares(CONTEXT, PARTIES, CASE.flat(), bytes(32))[1]
    value, party, context = over.value, PARTIES[1], CONTEXT
    match change:
        case "value":
            value = value[:-1] + bytes([value[-1] ^ 1])
        case "party":
            party = PARTIES[0]
        case "round":
            context = replace(CONTEXT, round=2)
        case "base":
            context = replace(CONTEXT, base="0" * 64)
        case "size":
            value += b"\0" * 8
    with pytest.raises(ProtocolError, match="not the one it committed to"):
        open_share(context, party, 1, value, over.commitment, CASE.flat().size)


def test_the_shares_add_up():
    assert ((SHARES[0] + SHARES[1]) == CASE.flat()).all()


def test_an_attempt_is_begun_once(tmp_path):
    path = tmp_path / "a.journal"
    Journal(path).begin(1, 0, "tree")
    again = Journal(path)
    with pytest.raises(MaterialError, match="attempt 1"):
        again.begin(1, 0, "tree")
    again.finish(Batch(1, np.arange(3), "aa"))
    with path.open("ab") as file:
        file.write(b'{"counts":[1')
    torn = Journal(path)
    assert [batch.counts.tolist() for batch in torn.batches] == [[0, 1, 2]]
    torn.begin(2, 0, "fss")
    kept = Journal(path)
    assert (kept.attempts, kept.comparing, kept.batches) == (2, "fss", [])


def test_a_line_that_was_not_written_whole_is_no_attempt(tmp_path, monkeypatch):
    path = tmp_path / "a.journal"
    Journal(path).begin(1, 0, "tree")
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, line: write(file, line[:9]))
        with pytest.raises(DataError, match=r"cannot write .* No space left") as raised:
            Journal(path).begin(2, 0, "tree")
    assert raised.value.remedy == "Make room on the disk"
    again = Journal(path)
    assert again.attempts == 1
    again.begin(2, 0, "tree")
    assert Journal(path).attempts == 2


def test_the_journals_own_entry_is_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("medquorum.verifier.session.journal.sync_folder", synced.append)
    journal = Journal(tmp_path / "a.journal")
    journal.begin(1, 0, "tree")
    journal.begin(2, 0, "tree")
    assert synced == [tmp_path]


@pytest.mark.parametrize(
    "line",
    [
        "what",
        "7",
        '{"counts": [18446744073709551616], "digest": ""}',
        '{"attempt": 1e999, "kept": 0, "comparing": ""}',
        "[" * 100_000,
    ],
)
def test_a_file_that_is_no_journal_is_refused(tmp_path, line):
    path = tmp_path / "a.journal"
    path.write_text(line + "\n")
    with pytest.raises(MaterialError, match="not a verification's journal"):
        Journal(path)


def test_common_batches_are_of_the_same_attempts():
    assert common_batches([1, 1, 2], [1, 1, 1, 1]) == 2
    assert common_batches([], [1]) == 0
    assert common_batches([1, 2], [1, 2, 2]) == 2


def auto(**changes):
    return replace(spec(**changes), comparison="auto")


class Slow:
    """A line on which every message takes a while."""

    def __init__(self, transport, seconds):
        self._transport, self._seconds = transport, seconds

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def receive(self):
        time.sleep(self._seconds)
        return self._transport.receive()


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "bandwidth", "wanted"), [(0.0, 1e6, "tree"), (0.02, 1e12, "fss")])
def test_the_parties_choose_by_their_links_and_find_the_same(tmp_path, monkeypatch, seconds, bandwidth, wanted):
    first, second = in_process()
    transports = Slow(first, seconds), Slow(second, seconds)
    monkeypatch.setitem(globals(), "in_process", lambda: transports)
    dealer = LocalDealer(auto())
    found = run(tmp_path, (auto(), auto()), dealer, bandwidth=(lambda: bandwidth, lambda: bandwidth * 2))
    assert found[0] == found[1]
    assert found[0].counts == (plain().correct,)
    assert dealer.comparing == [wanted]


def test_a_resumed_attempt_keeps_the_choice(tmp_path):
    dealer = LocalDealer(auto())
    slow, quick = ((lambda: 1e3,) * 2, (lambda: 1e15,) * 2)
    run(tmp_path, (auto(), auto()), dealer, stop_after=(2, None), bandwidth=slow)
    journals = [Journal(tmp_path / str(index) / "Hospital1MSP.journal") for index in (0, 1)]
    assert [journal.comparing for journal in journals] == ["tree", "tree"]
    found = run(tmp_path, (auto(), auto()), dealer, bandwidth=quick)
    assert found[0] == found[1]
    assert found[0].counts == (plain().correct,)
    assert dealer.comparing == ["tree", "tree"]


def test_p0_takes_no_word_for_an_earlier_choice(tmp_path):
    """P1, in one placement the hospital itself, cannot choose by naming an attempt that never was."""
    (tmp_path / "1").mkdir()
    Journal(tmp_path / "1" / "Hospital1MSP.journal").begin(1, 0, "fss")
    dealer = LocalDealer(auto())
    found = run(tmp_path, (auto(), auto()), dealer, bandwidth=(lambda: 1e3,) * 2)
    assert found[0] == found[1]
    assert dealer.comparing == ["tree"]


def test_the_transcript_names_the_comparison(tmp_path, monkeypatch):
    """Also where an earlier attempt's is kept, so that nothing about it is said after the greeting."""
    listed = []
    monkeypatch.setattr(
        "medquorum.verifier.session.session.transcript_of", lambda digests: listed.append(digests[0]) or "0" * 64
    )
    dealer = LocalDealer(auto())
    run(tmp_path, (auto(), auto()), dealer, stop_after=(2, None), bandwidth=(lambda: 1e3,) * 2)
    run(tmp_path, (auto(), auto()), dealer, bandwidth=(lambda: 1e15,) * 2)
    assert listed == ["tree", "tree"]
