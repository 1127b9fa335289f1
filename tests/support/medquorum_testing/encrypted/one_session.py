# SPDX-License-Identifier: Apache-2.0
"""One update verified by two parties' sessions in this process; what each learnt, or the error it ended with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference import compile_model, count_correct
from medquorum.core.model import catalogue
from medquorum.errors import MedquorumError
from medquorum.verifier.binding.masks import update_mask
from medquorum.verifier.comparison.backends import Comparing
from medquorum.verifier.model.parameters import Held, MaskedUpdate
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.session.journal import Journal
from medquorum.verifier.session.session import OpenedResult, Session
from medquorum.verifier.session.spec import ImageInputs, PartyInputs, VerificationSpec
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.local_dealer import LocalDealer

IMAGES = 30
DOCUMENT = catalogue.mlp((1, 8, 8), 4, hidden=8)
CASE = case(DOCUMENT, IMAGES)


def correct(flat: IntArray) -> int:
    """Count what plain evaluation counts for an update."""
    tensors, start = {}, 0
    for name, values in CASE.update.items():
        tensors[name] = flat[start : start + values.size].reshape(values.shape)
        start += values.size
    program = compile_model(CASE.description, CASE.base, tensors, lambda_numerator=1, lambda_bits=1)
    return count_correct(program, CASE.images, CASE.labels).correct


def spec(comparison: Comparing, *, only_bit: bool) -> VerificationSpec:
    plan = make_plan(CASE.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)
    return VerificationSpec(MaterialId("demo", 1, "Hospital1MSP"), {}, plan, comparison, IMAGES, IMAGES, only_bit)


def both(
    folder: Path,
    dealer: LocalDealer,
    minimum: IntArray | None = None,
    *,
    lines: Mapping[int, Callable[[Any], Any]] | None = None,
    masked: bool = False,
) -> list[OpenedResult | MedquorumError]:
    """Verify the case's update as the dealer's spec says; ``lines`` makes another line of a party's own.

    It is opened from shares, or handed over ``masked``.
    """
    made = lines or {}
    transports = [made.get(index, lambda inner: inner)(inner) for index, inner in enumerate(in_process())]
    flat = CASE.flat()
    mine = np.random.default_rng(5).integers(-(1 << 63), 1 << 63, flat.shape)
    shares: tuple[Held, Held] = (mine, flat - mine)
    if masked:
        update = MaskedUpdate(flat + update_mask(dealer.mask_seeds, dealer.spec.name, flat.shape[0]))
        shares = (update, update)

    def party(index: int) -> OpenedResult | MedquorumError:
        images = ImageInputs((CASE.images, CASE.labels.astype(np.int64)), minimum) if index == 0 else None
        (folder / str(index)).mkdir(parents=True, exist_ok=True)
        journal = Journal(folder / str(index) / "Hospital1MSP.journal")
        inputs = PartyInputs(index, dealer.spec, journal, dealer.asked(index), CASE.base, shares[index], images)
        try:
            return Session(inputs).run(transports[index])
        except MedquorumError as error:
            return error
        finally:
            transports[index].close()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(party, (0, 1)))
