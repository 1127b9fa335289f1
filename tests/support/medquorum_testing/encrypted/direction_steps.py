# SPDX-License-Identifier: Apache-2.0
"""Steps of the rule ``direction`` between two parties' sessions and a dealer in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from medquorum.core.documents.root import ROOT
from medquorum.core.fixedpoint import IntArray
from medquorum.core.model import layout
from medquorum.core.rules import Direction, Weights
from medquorum.errors import MedquorumError, ProtocolError
from medquorum.verifier.binding.masks import mask_share, update_mask
from medquorum.verifier.direction.combination import weighted_sum
from medquorum.verifier.model.parameters import MaskedUpdate
from medquorum.verifier.offline.direction_steps import ChoiceStep, LevelsStep, LossStep, RootStep
from medquorum.verifier.offline.plan_message import PlanDocument
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.randomness.channel import Channel
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.stream import new_seed
from medquorum.verifier.randomness.wires import Masked
from medquorum.verifier.session.direction import ChoiceSession, LevelsSession, LossSession, RootSession
from medquorum.verifier.session.journal import Journal
from medquorum.verifier.session.session import OpenedResult, Session
from medquorum.verifier.session.spec import ImageInputs, PartyInputs, VerificationSpec
from medquorum_testing.encrypted.local_dealer import LocalMaterial

Step = RootStep | LevelsStep | LossStep | ChoiceStep
Outcome = OpenedResult | MedquorumError


class StepDealer:
    """Deals a step once for both parties, each attempt anew."""

    def __init__(self, rig: StepRig, document: PlanDocument, name: MaterialId) -> None:
        self.attempts: list[int] = []
        self._rig, self._document, self._name = rig, document, name
        self._lock = threading.Lock()
        self._made: dict[int, list[LocalMaterial]] = {}

    def asked(self, party: int) -> Any:
        """Return the dealer as a party asks it."""
        dealer = self

        class Asked:
            def take(self, spec: VerificationSpec, attempt: int, first: int, comparing: str) -> LocalMaterial:
                with dealer._lock:
                    if attempt not in dealer._made:
                        dealer._made[attempt] = dealer._deal(attempt, first)
                return dealer._made[attempt][party]

            def bandwidth(self) -> float:
                return 1e9

        return Asked()

    def _deal(self, attempt: int, first: int) -> list[LocalMaterial]:
        self.attempts.append(attempt)
        seeds, channels, rig = (new_seed(), new_seed()), (Channel(), Channel()), self._rig
        name, masks = replace(self._name, attempt=attempt), rig.seeds(self._name)
        document = self._document.model_copy(update={"first_batch": first})

        def send() -> None:
            try:
                for gate, messages in document.deal(seeds, name, masks, rig.seeds):
                    for channel, message in zip(channels, messages, strict=True):
                        channel.send(gate, message)
            except ProtocolError:
                return
            finally:
                for channel in channels:
                    channel.close()

        threading.Thread(target=send, daemon=True).start()
        pairs = zip(seeds, masks, strict=True)
        return [LocalMaterial(pair, channel) for pair, channel in zip(pairs, channels, strict=True)]


class StepRig:
    """A round's masked updates, a folder for each party's journals, and sessions of both parties."""

    def __init__(self, folder: Path, case: Any, rule: Direction, updates: dict[str, IntArray], root: IntArray) -> None:
        self.case, self.rule, self.folder = case, rule, folder
        self.dealers: dict[str, StepDealer] = {}
        self._vectors = {**updates, ROOT: root}
        self._seeds = {name: (new_seed(), new_seed()) for name in self._vectors}

    def seeds(self, name: MaterialId) -> tuple[bytes, bytes]:
        """Return the seeds of an update's mask; a step without an update has some."""
        return self._seeds.setdefault(name.hospital, (new_seed(), new_seed()))

    def masked(self, hospital: str) -> IntArray:
        name = MaterialId("demo", 1, hospital)
        vector = self._vectors[hospital]
        return vector + update_mask(self.seeds(name), name, vector.size)

    def mask(self, index: int, hospital: str) -> IntArray:
        name = MaterialId("demo", 1, hospital)
        return mask_share(index, self.seeds(name)[index], name, self._vectors[hospital].size)

    def root(self, **more: Any) -> list[Outcome]:
        return self._both(RootStep(), "", lambda _, inputs: RootSession(self._held(inputs, ROOT)), **more)

    def levels(self, hospital: str, *roots: int, **more: Any) -> list[Outcome]:
        def made(index: int, inputs: PartyInputs) -> Session:
            root = Masked(self.masked(ROOT), self.mask(index, ROOT))
            return LevelsSession(self._held(inputs, hospital), root)

        return self._both([LevelsStep(root=root) for root in roots], hospital, made, **more)

    def losses(self, *weights: Weights) -> tuple[IntArray, IntArray] | list[Outcome]:
        """Return both parties' shares (1,); with weights for each party, what they ended with."""
        sessions: dict[int, LossSession] = {}

        def made(index: int, inputs: PartyInputs) -> Session:
            mixed, specs = dict(weights[index % len(weights)]), layout(self.case.description)
            held = MaskedUpdate(weighted_sum(specs, mixed, self.masked))
            mask = weighted_sum(specs, mixed, lambda hospital: self.mask(index, hospital))
            sessions[index] = LossSession(replace(inputs, share=held), mask)
            return sessions[index]

        found = self._both([LossStep(rule=self.rule, weights=each) for each in weights], "", made)
        failed = any(isinstance(one, MedquorumError) for one in found)
        return found if failed else (sessions[0].loss, sessions[1].loss)

    def choice(self, step: ChoiceStep, gains: tuple[IntArray, IntArray]) -> list[Outcome]:
        return self._both(step, "", lambda index, inputs: ChoiceSession(replace(inputs, share=gains[index])))

    def _held(self, inputs: PartyInputs, hospital: str) -> PartyInputs:
        return replace(inputs, share=MaskedUpdate(self.masked(hospital)))

    def _both(
        self,
        steps: Step | list[Any],
        hospital: str,
        made: Callable[[int, PartyInputs], Session],
        wrapped: Callable[[int, Session], Session] = lambda _, session: session,
    ) -> list[Outcome]:
        """Do a step; with two of them each party means its own."""
        each = steps if isinstance(steps, list) else [steps]
        transports = in_process()

        def party(index: int) -> Outcome:
            step = each[index % len(each)]
            document = self._document(step)
            name = MaterialId("demo", 1, step.name(hospital))
            dealer = self.dealers.setdefault(name.hospital, StepDealer(self, document, name))
            facts = {"step": step.model_dump(mode="json")}
            images = len(self.case.images)
            spec = VerificationSpec(name, facts, document.plan(), "tree", images, 4, False, step)
            place = self.folder / str(index)
            place.mkdir(parents=True, exist_ok=True)
            samples = ImageInputs((self.case.images, self.case.labels.astype(np.int64))) if index == 0 else None
            journal = Journal(place / f"{name.hospital}.journal")
            inputs = PartyInputs(index, spec, journal, dealer.asked(index), self.case.base, None, samples)
            try:
                return wrapped(index, made(index, inputs)).run(transports[index])
            except MedquorumError as error:
                return error
            finally:
                transports[index].close()

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(party, (0, 1)))

    def _document(self, step: Step) -> PlanDocument:
        return PlanDocument(
            parties=("AMSP", "BMSP"),
            model=self.case.description,
            subjects=(),
            lambda_numerator=1,
            lambda_bits=1,
            grayscale=True,
            norm=None,
            per_class=False,
            comparison="tree",
            batch=4,
            images=len(self.case.images),
            first_batch=0,
            needed=0,
            updates=0,
            step=step,
        )
