# SPDX-License-Identifier: Apache-2.0
"""Material is used once, in order, and complete; a failing party or dealer ends the verification with its reason."""

import threading

import numpy as np
import pytest

from medquorum.core.model import catalogue
from medquorum.errors import MaterialError, MedquorumError, ProtocolError
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.randomness.channel import Channel
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.supply import Supply
from medquorum.verifier.session.local import Inputs, verify
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.two_parties import NAME, SEEDS, split


def dealt():
    dealer = GateDealer(SEEDS, NAME)
    mask = dealer.mask((2, 3))
    dealer.common(b"both")
    dealer.share(np.arange(5, dtype=np.int64) - 2, 24)
    dealer.share_planes(np.arange(4, dtype=np.uint64).reshape(2, 2))
    return mask, dealer.messages()


def test_hands_draw_what_was_dealt():
    mask, messages = dealt()
    views = [GateRandomness(party, SEEDS[party], NAME, messages[party]) for party in (0, 1)]
    assert (sum(randomness.mask((2, 3)).share for randomness in views) == mask).all()
    assert [bytes(randomness.common(4)) for randomness in views] == [b"both", b"both"]
    assert (sum(randomness.share((5,), 24) for randomness in views) % (1 << 24) == np.arange(-2, 3) % (1 << 24)).all()
    planes = [randomness.share_planes(2, 2) for randomness in views]
    assert ((planes[0] ^ planes[1]).reshape(-1) == np.arange(4)).all()
    for randomness in views:
        randomness.finish()
    assert len(messages[0]) == 12


@pytest.mark.parametrize("cut", [4, 10, 20, 50])
def test_a_short_message_is_refused(cut):
    message = bytes(dealt()[1][1])[:cut]
    with pytest.raises(ProtocolError, match="too short"):
        randomness = GateRandomness(1, SEEDS[1], NAME, message)
        randomness.common(4)
        randomness.share((5,), 24)
        randomness.share_planes(2, 2)


def test_material_that_is_left_over_is_refused():
    with pytest.raises(ProtocolError, match="left over"):
        GateRandomness(1, SEEDS[1], NAME, dealt()[1][1]).finish()


def test_another_gates_material_is_refused():
    supply = Supply(0, SEEDS[0], lambda: (NAME.at(0, "a"), bytes(8)))
    with pytest.raises(MaterialError, match="next material is for"):
        supply.randomness(NAME.at(0, "b"))
    with pytest.raises(MaterialError, match="next material is for"):
        supply.randomness(NAME.at(1, "a"))


def test_material_is_used_once():
    supply = Supply(0, SEEDS[0], lambda: (NAME.at(0, "a"), bytes(8)))
    supply.randomness(NAME.at(0, "a"))
    with pytest.raises(MaterialError, match="was used before"):
        supply.randomness(NAME.at(0, "a"))


def test_every_part_of_a_name_gives_another_stream():
    names = [NAME, NAME.at(0, ""), NAME.at(-1, "x"), NAME.at(0, "x")]
    others = [
        type(NAME)("task", 2, "HospitalMSP"),
        type(NAME)("task", 1, "Other"),
        type(NAME)("t", 1, "HospitalMSP", 1),
    ]
    labels = [name.label(party) for name in (*names, *others) for party in (0, 1)]
    assert len(set(labels)) == len(labels)


def test_a_channel_holds_the_dealer_back():
    channel = Channel(credit=20)
    channel.send(NAME, bytes(8))
    channel.send(NAME, bytes(8))
    waiting = threading.Thread(target=channel.send, args=(NAME, bytes(8)))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    channel.receive()
    waiting.join(5)
    assert not waiting.is_alive()
    assert channel.peak == 16


def test_a_closed_channel_wakes_both_sides():
    channel = Channel()
    channel.send(NAME, b"last")
    channel.close()
    assert channel.receive() == (NAME, b"last")
    with pytest.raises(ProtocolError, match="dealer has stopped"):
        channel.receive()
    with pytest.raises(ProtocolError, match="stopped taking"):
        channel.send(NAME, b"")


def test_a_closed_line_is_told():
    first, second = in_process()
    first.close()
    with pytest.raises(ProtocolError, match="other party has stopped"):
        second.exchange(b"")


def test_a_failing_party_ends_the_verification_with_its_own_reason():
    found = case(catalogue.describe("mlp", (1, 4, 4), 2), 4)
    plan = make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 2)

    def fail(name, share):
        if name.startswith("mixed/1/"):
            raise MedquorumError("disk full")

    with pytest.raises(MedquorumError, match="disk full"):
        verify(plan, inputs, Tree, traces=(None, fail))


def test_parties_with_shares_of_different_length_stop():
    found = case(catalogue.describe("mlp", (1, 4, 4), 2), 4)
    plan = make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)
    inputs = Inputs(found.base, (found.flat()[:-1], found.flat()), found.images, found.labels, 2)
    with pytest.raises(ProtocolError, match="bytes came where"):
        verify(plan, inputs, Tree)


def test_what_is_dealt_is_not_copied_together():
    dealer = GateDealer(SEEDS, NAME)
    long = bytes(1 << 20)
    dealer.common(long)
    dealer.share(np.arange(5, dtype=np.int64), 24)
    first, second = dealer.messages()
    assert first.parts[1] is long is second.parts[1]
    assert bytes(second) == b"".join(second.parts)
    assert len(second) == 8 + len(long) + 15
