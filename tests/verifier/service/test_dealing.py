# SPDX-License-Identifier: Apache-2.0
"""The dealer over real sockets: who gets material, for what, and how often."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from types import SimpleNamespace

import pytest

from medquorum.errors import ConfigError, ContractError, DataError, MaterialError, MedquorumError, ProtocolError
from medquorum.network.supervision.waiting import await_true
from medquorum.verifier.offline.direction_steps import ChoiceStep
from medquorum.verifier.offline.plan_message import PlanDocument
from medquorum.verifier.service.dealing.material import Material, measure_dealer
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.dealing.server import SERVICE, Dealings
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.line.offer import LineOffer
from medquorum.verifier.service.server import Server
from medquorum.verifier.session.greeting import ATTEMPTS
from medquorum_testing.encrypted import small_plan
from medquorum_testing.encrypted.service_identities import credentials

KNOWN = ("P0MSP", "P1MSP", "DealerMSP", "HospitalMSP")
PLAN = PlanDocument.parse(small_plan.PLAN)
UPDATES = (("HospitalMSP", "c" * 64),)
REQUESTS = [
    DealRequest(task="task", round=1, hospital="HospitalMSP", updates=UPDATES, attempt=1, party=party, plan=PLAN)
    for party in (0, 1)
]
OWN = {name: credentials(name, KNOWN) for name in KNOWN}
LINES = Lines(OWN["DealerMSP"], "127.0.0.1:0")
"""Where nobody listens."""
OFFER = LineOffer(port=1, ticket="0" * 64)


@contextmanager
def dealer(folder, approve=lambda request: None, timeout=5.0, address="127.0.0.1:0"):
    with (
        Lines(OWN["DealerMSP"], address) as lines,
        Server(OWN["DealerMSP"], address, [Dealings(folder / "dealt", lines, approve, timeout=timeout)]) as server,
    ):
        yield server.address


def take(address, request, own=None, timeout=8.0):
    own = own or request.plan.parties[request.party]
    return Material.take(OWN[own], address, "DealerMSP", request, timeout)


def take_both(address, requests=REQUESTS):
    """Return what both parties' calls gave: the material or the error."""

    def asked(request):
        try:
            return take(address, request)
        except MedquorumError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(asked, requests))


def everything(material):
    found = []
    with pytest.raises(ProtocolError, match="dealer has stopped"):
        while True:
            found.append(material.receive())
    material.close()
    return found


def test_both_parties_get_all_gates_in_order(tmp_path):
    with dealer(tmp_path) as address:
        both = take_both(address)
        assert len({material.seed for material in both}) == 2
        with ThreadPoolExecutor(2) as pool:
            got = list(pool.map(everything, both))
    seeds, mask_seeds = (tuple(getattr(material, kind) for material in both) for kind in ("seed", "mask_seed"))
    expected = list(PLAN.deal(seeds, REQUESTS[0].name, mask_seeds))
    for party in (0, 1):
        assert got[party] == [(gate.name, bytes(gate.messages[party])) for gate in expected]
    assert {gate.name.batch for gate in expected} == {-1, 0, 1, 2}


def test_a_step_without_an_update_gets_no_secret_of_a_mask(tmp_path):
    plan = PLAN.model_copy(update={"step": ChoiceStep(do="gain", models=("model a", "model b"))})
    requests = [request.model_copy(update={"plan": plan, "updates": ()}) for request in REQUESTS]
    with dealer(tmp_path) as address:
        both = take_both(address, requests)
        assert [(len(material.seed), material.mask_seed) for material in both] == [(32, b"")] * 2
        with ThreadPoolExecutor(2) as pool:
            got = list(pool.map(everything, both))
    assert [name.gate for name, _ in got[1]] == ["direction"]


def test_batches_of_an_earlier_attempt_are_not_dealt_again(tmp_path):
    plan = PLAN.model_copy(update={"first_batch": 2})
    with dealer(tmp_path) as address:
        both = take_both(address, [request.model_copy(update={"plan": plan}) for request in REQUESTS])
        with ThreadPoolExecutor(2) as pool:
            got = list(pool.map(everything, both))
    assert {name.batch for name, _ in got[1]} == {-1, 2}


@pytest.mark.parametrize(
    "change",
    [
        {"plan": PLAN.model_copy(update={"images": 6})},
        {"plan": PLAN.model_copy(update={"comparison": "fss"})},
        {"plan": PLAN.model_copy(update={"first_batch": 1})},
    ],
)
def test_different_requests_are_refused_to_both(tmp_path, change):
    with dealer(tmp_path) as address:
        found = take_both(address, [REQUESTS[0], REQUESTS[1].model_copy(update=change)])
        assert [type(error) for error in found] == [MaterialError] * 2
        assert all("different plans" in str(error) for error in found)
        assert all(isinstance(material, Material) for material in take_both(address))


def test_requests_for_another_attempt_do_not_meet(tmp_path):
    with dealer(tmp_path, timeout=0.3) as address:
        found = take_both(address, [REQUESTS[0], REQUESTS[1].model_copy(update={"attempt": 2})])
    assert [str(error).partition(" did")[0] for error in found] == ["P1MSP", "P0MSP"]


def test_an_attempt_is_dealt_once_also_after_a_restart(tmp_path):
    with dealer(tmp_path) as address:
        first = take_both(address)
        assert_dealt_before(take_both(address))
        with pytest.raises(MaterialError, match="dealt before"):
            take(address, REQUESTS[1])
    with dealer(tmp_path) as address:
        assert_dealt_before(take_both(address))
        second = take_both(address, [request.model_copy(update={"attempt": 2}) for request in REQUESTS])
    assert len({material.seed for material in (*first, *second)}) == 4
    for material in (*first, *second):
        material.close()


def test_attempts_of_a_verification_are_bounded(tmp_path):
    def asked(attempt, hospital="HospitalMSP"):
        return [one.model_copy(update={"attempt": attempt, "hospital": hospital}) for one in REQUESTS]

    with dealer(tmp_path) as address:
        for attempt in range(1, ATTEMPTS + 1):
            for material in take_both(address, asked(attempt)):
                material.close()
    with dealer(tmp_path) as address:
        found = take_both(address, asked(ATTEMPTS + 1))
        assert [(type(error), error.cause) for error in found] == [
            (MaterialError, f"{ATTEMPTS} attempts were dealt before")
        ] * 2
        for material in take_both(address, asked(1, "Hospital")):  # not the other one, though its name begins so
            material.close()


def assert_dealt_before(found):
    assert [(type(error), error.cause) for error in found] == [(MaterialError, "this attempt was dealt before")] * 2


def test_a_line_cut_off_by_a_crash_is_dropped(tmp_path):
    whole = REQUESTS[0].key + b"\n"
    (tmp_path / "dealt").write_bytes(whole + REQUESTS[0].model_copy(update={"attempt": 2}).key[:10])
    with dealer(tmp_path) as address:
        assert isinstance(take_both(address)[0], MaterialError)
        assert isinstance(take_both(address, [r.model_copy(update={"attempt": 2}) for r in REQUESTS])[0], Material)
    assert (tmp_path / "dealt").read_bytes() == whole + REQUESTS[0].model_copy(update={"attempt": 2}).key + b"\n"


def test_a_record_that_cannot_be_kept_stops_the_dealer(tmp_path):
    (tmp_path / "dealt").mkdir()
    with pytest.raises(DataError, match="cannot keep the record"):
        Dealings(tmp_path / "dealt", LINES, lambda request: None)


def test_another_organisation_gets_nothing(tmp_path):
    with dealer(tmp_path) as address:
        with pytest.raises(ProtocolError, match="party 0 is P0MSP, not HospitalMSP"):
            take(address, REQUESTS[0], own="HospitalMSP")
        with pytest.raises(ProtocolError, match="party 1 is P1MSP, not P0MSP"):
            take(address, REQUESTS[1], own="P0MSP")
        with pytest.raises(ProtocolError, match="does not show a certificate of P0MSP"):
            Material.take(OWN["P1MSP"], address, "P0MSP", REQUESTS[1], 5)


def test_what_the_ledger_does_not_know_is_refused(tmp_path):
    def approve(request):
        raise ContractError("NO_TASK", f"there is no task {request.task}", "Create it")

    with (
        dealer(tmp_path, approve) as address,
        pytest.raises(MedquorumError, match=r"there is no task task\. Create it"),
    ):
        take(address, REQUESTS[0])


def test_a_party_that_asks_anew_ends_its_earlier_call(tmp_path):
    with dealer(tmp_path, timeout=1) as address:
        found = sorted(str(error) for error in take_both(address, [REQUESTS[0], REQUESTS[0]]))
    assert [error.partition(" ")[2].partition(".")[0] for error in found] == [
        "did not ask within 1 s",
        "party has asked anew, or gone",
    ]


@pytest.mark.slow
def test_a_party_that_leaves_is_forgotten_before_and_told_after(tmp_path):
    long = [
        request.model_copy(update={"plan": PLAN.model_copy(update={"images": 50_000})}) for request in REQUESTS
    ]  # more than is dealt in between
    with dealer(tmp_path) as address:
        with pytest.raises(ProtocolError, match="sent no seed within"):
            take(address, long[0], timeout=0.3)
        first, second = take_both(address, long)
        first.close()
        assert_stops(second, "stopped taking material")
        second.close()


class Call:
    """A party's call, without its network: nobody reads what the dealer would write."""

    def __init__(self):
        self.callbacks = []
        self.cancelled = threading.Event()

    def add_callback(self, callback):
        self.callbacks.append(callback)
        return True

    def cancel(self):
        self.cancelled.set()


def test_a_party_that_stops_reading_keeps_neither_material_nor_threads(tmp_path, monkeypatch):
    """P1 reads nothing, so dealing stands still at its second message; when P0 has left, dealing and P1's call end."""
    monkeypatch.setattr("medquorum.verifier.service.dealing.server.CREDIT", 1)
    service = Dealings(tmp_path / "dealt", LINES, lambda request: None, timeout=1)
    calls = [Call(), Call()]
    with ThreadPoolExecutor(2) as pool:
        meeting, same = pool.map(service._meet, REQUESTS, calls)
    assert meeting is same
    taken = []
    line = SimpleNamespace(write=lambda *message: taken.append(message))
    sending = threading.Thread(target=until_refused, args=(meeting, line), daemon=True)
    sending.start()
    await_true(lambda: len(taken) >= 2, 10, "nothing is dealt to P0")
    assert "dealing" in alive()
    for callback in calls[0].callbacks:
        callback()
    await_true(lambda: "dealing" not in alive(), 10, "the dealer deals for nobody")
    assert calls[1].cancelled.wait(10), "the call of a party that reads nothing keeps its thread"
    sending.join(10)
    assert not sending.is_alive()


def test_a_line_of_a_call_that_has_ended_is_hung_up(tmp_path):
    """A party cancels its call once it has the offer, takes the line up and reads nothing: its thread is freed."""
    hung_up = threading.Event()

    class Cancelled(Call):
        def add_callback(self, callback):
            return not self.callbacks and super().add_callback(callback)  # ends between the offer and the line

    def write(*message):
        if hung_up.is_set():
            raise ConnectionError

    line = SimpleNamespace(hang_up=hung_up.set, write=write, finish=lambda grace: True)
    expected = SimpleNamespace(offer=OFFER, line=lambda timeout: line)
    service = Dealings(
        tmp_path / "dealt", SimpleNamespace(expect=lambda _: nullcontext(expected)), lambda request: None, timeout=5
    )
    deal = service.handler(lambda call: "P0MSP").service(SimpleNamespace(method=f"/{SERVICE}/Deal")).unary_stream
    with ThreadPoolExecutor(1) as pool:
        meeting = pool.submit(service._meet, REQUESTS[1], Call())
        with pytest.raises(ProtocolError, match="takes no more material"):
            list(deal(REQUESTS[0].encode(), Cancelled()))
        meeting.result(5).stop()
    assert hung_up.is_set()


def test_a_line_to_a_host_that_vanished_ends_as_any_other():
    def read(silence):
        raise TimeoutError  # what keepalive finds out

    line = SimpleNamespace(read=read, finish=lambda grace: True, hang_up=lambda: None)
    answers = SimpleNamespace(
        unary_stream=lambda *_: lambda raw: iter([bytes(64) + OFFER.encode()]), close=lambda: None
    )
    material = Material(answers, REQUESTS[0], lambda offer: line, ("127.0.0.1:1", "DealerMSP"), 5)
    assert_stops(material, "dealer has stopped")
    material.close()
    assert not any(thread.is_alive() for thread in joined())


def until_refused(meeting, line):
    with suppress(ProtocolError):
        meeting.send(0, line)


def alive():
    return [thread.name for thread in threading.enumerate()]


def assert_stops(material, reason):
    with pytest.raises(ProtocolError, match=reason):
        while True:
            material.receive()


@pytest.mark.slow
def test_a_dealer_that_stops_is_told(tmp_path):
    big = PLAN.model_copy(update={"images": 50_000, "batch": 1000})
    with dealer(tmp_path) as address:
        both = take_both(address, [request.model_copy(update={"plan": big}) for request in REQUESTS])
        assert [len(material.seed + material.mask_seed) for material in both] == [64, 64]
    for material in both:
        assert_stops(material, "DealerMSP")
        material.close()
    assert not any(thread.name in ("dealing", "material") and thread.is_alive() for thread in joined())


def joined():
    found = [thread for thread in threading.enumerate() if thread.name in ("dealing", "material")]
    for thread in found:
        thread.join(5)
    return found


def test_nobody_there(tmp_path):
    with dealer(tmp_path) as address:
        pass
    with pytest.raises(ProtocolError, match="cannot be reached"):
        take(address, REQUESTS[0], timeout=0.5)
    with pytest.raises(ConfigError, match="no TLS authority of NobodyMSP"):
        Material.take(OWN["P0MSP"], address, "NobodyMSP", REQUESTS[0])


def test_a_party_measures_the_dealers_link(tmp_path):
    with dealer(tmp_path) as address:
        assert measure_dealer(OWN["P0MSP"], address, "DealerMSP", 8.0) > 0
        with pytest.raises(ProtocolError, match="does not show a certificate"):
            measure_dealer(OWN["P0MSP"], address, "HospitalMSP", 8.0)
