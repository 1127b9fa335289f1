# SPDX-License-Identifier: Apache-2.0
"""Simulator coupling: run B with the tape of run A shifted so that one party must see the very same bytes.

For every mask the honest party's part is shifted by the difference of the hidden values; for every dealt share the
honest party's part takes up the difference, so that the other's stays. The shift is a bijection of tapes as long as a
mask hides one value: then what the party sees is equally likely in both runs, so it tells nothing that differs.
A shift depends on values that depend on earlier shifts, so run B is repeated until nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from medquorum.verifier.model.parameters import MaskedUpdate
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness import material
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.session.local import verify
from medquorum_testing.encrypted.two_parties import SEEDS, together


def masked_update(name: MaterialId) -> str:
    """Name the mask of an update's parameters, which nobody opens where the hospital hands them over."""
    return _mask(name.of_update(), 1)


def _mask(name: MaterialId, number: int) -> str:
    """Name the mask of a gate with this number."""
    return f"{name.round}/{name.hospital}/{name.attempt}/{name.batch}/{name.gate}/{number}"


@dataclass
class Tape:
    """One run's randomness and what was seen."""

    honest: int
    overrides: dict = field(default_factory=dict)
    """(label, draw) -> words of the honest party's stream."""
    draws: dict = field(default_factory=dict)
    """mask name -> (label, draw)."""
    unshifted: dict = field(default_factory=dict)
    corrections: dict = field(default_factory=dict)
    hidden: tuple = field(default_factory=lambda: ({}, {}))
    """For each party: mask name -> its share of the hidden value."""
    view: list = field(default_factory=list)


def tape_stream(tape, seeds):
    class TapeStream(material.Stream):
        def __init__(self, seed, label):
            super().__init__(seed, label)
            self.label, self.draw = label, 0
            self.honest = seed == seeds[tape.honest]

        def words(self, count):
            own = super().words(count)
            key = (self.label, self.draw)
            self.draw += 1
            if self.honest:
                tape.unshifted[key] = own
                return tape.overrides.get(key, own).copy()  # a mask is added up in place
            return own

    return TapeStream


class TapeDealer(material.GateDealer):
    """A dealer on a tape; the attributes are bound by :func:`run`."""

    tape = wanted = places = None

    def __init__(self, given, name):
        super().__init__(given, name)
        self.masks = 0
        self.taped = self._streams[self.tape.honest].honest
        """Whether it deals for the parties: the cost model only counts what a dealer sends."""

    @property
    def place(self):
        stream = self._streams[self.tape.honest]
        return stream.label, stream.draw

    def _named(self):
        self.masks += 1
        if self.taped:
            self.tape.draws[_mask(self.name, self.masks)] = self.place

    def mask(self, shape):
        return self.mask_shares(shape).total

    def mask_shares(self, shape):
        self._named()
        return super().mask_shares(shape)

    def mask_planes(self, count, words):
        self._named()
        return super().mask_planes(count, words)

    def private_mask(self, shape, owner):
        if owner == self.tape.honest:
            self._named()
        else:
            self.masks += 1
        return super().own(shape, owner)

    def own(self, shape, party):
        key = self.place
        drawn = super().own(shape, party)
        if self.places is None or not self.taped or party != self.tape.honest or not self.name.gate.endswith("correct"):
            return drawn
        self.tape.overrides[key] = self.places(self.name, self.tape.unshifted[key])
        return self.tape.overrides[key].reshape(shape)

    def share(self, values, bits):
        flat, key = values.reshape(-1), self.place
        if not self.taped:
            super().share(values, bits)
            return
        _keep(self.tape, self.wanted, key, flat, np.subtract)
        super().share(values, bits)
        _record(self.tape, key, flat, np.subtract)

    def share_planes(self, planes):
        flat, key = planes.reshape(-1).view(np.int64), self.place
        if not self.taped:
            super().share_planes(planes)
            return
        _keep(self.tape, self.wanted, key, flat, np.bitwise_xor)
        super().share_planes(planes)
        _record(self.tape, key, flat, np.bitwise_xor)


def _reusing(tape, honest_dealer):
    """Make a dealer whose masks of equal shape are one mask within a gate."""

    class ReusingDealer(honest_dealer):
        def __init__(self, given, name):
            super().__init__(given, name)
            self.drawn = {}

        def mask_shares(self, shape):
            if shape not in self.drawn:
                self.drawn[shape] = self.place, super().mask_shares(shape)
                return self.drawn[shape][1]
            self._named()
            tape.draws[_mask(self.name, self.masks)], drawn = self.drawn[shape]
            return drawn

    return ReusingDealer


def _keep(tape, wanted, key, values, less):
    """Shift P0's part of a dealt share so that P1's is the wanted run's; P1's parts never reach P0."""
    if tape.honest == 0 and wanted is not None:
        tape.overrides[key] = less(values, wanted.corrections[key])


def _record(tape, key, values, less):
    """Note what P0's unshifted part leaves to P1."""
    if tape.honest == 0:
        tape.corrections[key] = less(values, tape.unshifted[key])


def tape_party(tape):
    class TapeParty(Party):
        def __init__(self, index, transport, audit=None):
            super().__init__(index, transport, audit)
            receive = transport.receive

            def seen():
                answer = receive()
                if index != tape.honest:
                    tape.view.append(answer)
                return answer

            transport.receive = seen

        def open(self, mask, share, bits):
            tape.hidden[self.index][mask.name] = share.reshape(-1)
            return super().open(mask, share, bits)

        def publish(self, owner, mask, value, bits):
            tape.hidden[self.index][mask.name] = value.reshape(-1)
            return super().publish(owner, mask, value, bits)

        def open_planes(self, mask, share):
            tape.hidden[self.index][mask.name] = share.reshape(-1)
            return super().open_planes(mask, share)

    return TapeParty


def tape_randomness(tape, reuse):
    class TapeRandomness(material.GateRandomness):
        def __init__(self, party, seed, name, message):
            if party != tape.honest:
                tape.view.append(bytes(message))
            super().__init__(party, seed, name, message)
            self.drawn = {}

        def mask(self, shape):
            if not reuse or shape not in self.drawn:
                self.drawn[shape] = self._called(super().mask(shape))
                return self.drawn[shape]
            self._masks += 1
            return self._called(material.Mask("", self.drawn[shape].share))

        def mask_planes(self, count, words):
            return self._called(super().mask_planes(count, words))

        def private_mask(self, shape, owner):
            return self._called(super().private_mask(shape, owner))

        def _called(self, mask):
            mask.name = _mask(self.name, self._masks)
            return mask

    return TapeRandomness


def bound_dealer(tape, wanted=None, places=None):
    """Make the dealer of a tape."""
    bound = {"tape": tape, "wanted": wanted, "places": places and staticmethod(places)}
    return type("BoundDealer", (TapeDealer,), bound)


def hide_update(tape, name, update):
    """Note what the mask of this update hides, which its hospital hands over."""
    for index, share in enumerate((update, np.zeros_like(update))):
        tape.hidden[index][masked_update(name)] = share


def run(monkeypatch, tape, plan, inputs, comparison, seeds, wanted=None, places=None, reuse=False):
    """Verify with this tape.

    ``wanted`` is the run whose corrections to the corrupt party are to be kept; ``reuse`` spoils the protocol: a gate's
    masks of equal shape are one mask.
    """
    dealer = bound_dealer(tape, wanted, places)

    def masked(public):
        tape.view.append(public.tobytes())
        hide_update(tape, MaterialId("local", 1, "Hospital"), inputs.shares)
        return MaskedUpdate(public)

    with monkeypatch.context() as patch:
        patch.setattr("medquorum.verifier.randomness.material.Stream", tape_stream(tape, seeds))
        patch.setattr("medquorum.verifier.randomness.stream.library", lambda: None)  # all is drawn as words
        patch.setattr("medquorum.verifier.offline.dealer.GateDealer", _reusing(tape, dealer) if reuse else dealer)
        patch.setattr("medquorum.verifier.randomness.supply.GateRandomness", tape_randomness(tape, reuse))
        patch.setattr("medquorum.verifier.session.local.Party", tape_party(tape))
        patch.setattr("medquorum.verifier.session.local.MaskedUpdate", masked)
        return verify(plan, inputs, comparison, seeds=seeds)


def value(tape, name):
    """Return what a mask hid: words modulo 2^64, or planes modulo 2."""
    first, second = tape.hidden[0][name], tape.hidden[1][name]
    return (first ^ second).view(np.int64) if first.dtype == np.uint64 else first + second


def shifted(own, before, now, planes):
    """Shift the honest part of a mask."""
    return own ^ before ^ now if planes else own + before - now


def couple(monkeypatch, honest, plan, first, second, comparison, seeds, places=None, passes=150, reuse=False):
    """Run A with ``first``, then B with ``second`` on the shifted tape; return both tapes and B's outcomes."""
    return coupled(
        honest,
        lambda tape: run(monkeypatch, tape, plan, first, comparison, seeds, reuse=reuse),
        lambda tape, one: run(monkeypatch, tape, plan, second, comparison, seeds, one, places, reuse),
        passes,
    )


def couple_gates(monkeypatch, honest, first, second, passes=60):
    """Run gates A, then B on the shifted tape, each a pair of deal and play; return both tapes and B's results."""

    def play(tape, gates, wanted=None):
        dealer = bound_dealer(tape, wanted)
        with monkeypatch.context() as patch:
            patch.setattr("medquorum.verifier.randomness.material.Stream", tape_stream(tape, SEEDS))
            patch.setattr("medquorum.verifier.randomness.stream.library", lambda: None)
            patch.setattr("medquorum_testing.encrypted.two_parties.GateDealer", dealer)
            patch.setattr("medquorum_testing.encrypted.two_parties.GateRandomness", tape_randomness(tape, False))
            patch.setattr("medquorum_testing.encrypted.two_parties.Party", tape_party(tape))
            return together(*gates)

    return coupled(honest, lambda tape: play(tape, first), lambda tape, one: play(tape, second, one), passes)


def coupled(honest, run_first, run_second, passes):
    """Repeat run B until its tape's shifts change no more."""
    one = Tape(honest)
    run_first(one)
    overrides = {}
    for _ in range(passes):
        two = Tape(honest, dict(overrides))
        outcome = run_second(two, one)
        fresh = {}
        for name, (label, draw) in one.draws.items():
            before, now = value(one, name), value(two, name)
            own = one.unshifted[label, draw]
            planes = one.hidden[0][name].dtype == np.uint64
            fresh[label, draw] = shifted(own, before, now, planes)
        if fresh.keys() == overrides.keys() and all((fresh[key] == overrides[key]).all() for key in fresh):
            return one, two, outcome
        overrides = fresh
    return one, two, outcome
