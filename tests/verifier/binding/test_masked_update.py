# SPDX-License-Identifier: Apache-2.0
"""An update under its mask: what binds it, and the shares that follow from it."""

from dataclasses import replace

import numpy as np
import pytest

from medquorum.errors import ProtocolError
from medquorum.verifier.binding.commitment import ShareContext
from medquorum.verifier.binding.masked_update import (
    commit_update,
    mask_commitment,
    masked_share,
    masked_update_bytes,
    open_masked_update,
)
from medquorum.verifier.binding.masks import update_mask

CONTEXT = ShareContext("demo", 1, "Hospital1MSP", "b" * 64, "c" * 64)
PARTIES = "VerifierAMSP", "VerifierBMSP"
SEEDS = b"1" * 32, b"2" * 32
UPDATE = np.array([0, 1, -1, 1 << 30, -(1 << 31), (1 << 31) - 1], dtype=np.int64)
GIVEN = commit_update(CONTEXT, PARTIES, UPDATE, SEEDS, bytes(32))


def test_both_parties_open_the_same_and_have_shares_of_the_update():
    masked = open_masked_update(CONTEXT, GIVEN.value, GIVEN.masked, UPDATE.size)
    assert (masked == UPDATE + update_mask(SEEDS, CONTEXT.name, UPDATE.size)).all()
    first, second = (masked_share(CONTEXT, index, masked, seed) for index, seed in enumerate(SEEDS))
    assert (first + second == UPDATE).all()
    assert len(GIVEN.value) == masked_update_bytes(UPDATE.size) == 32 + 8 * UPDATE.size


@pytest.mark.parametrize("change", ["value", "salt", "size", "task", "round", "hospital", "base", "layout"])
def test_another_masked_update_than_the_committed_one_is_refused(change):
    value, context = GIVEN.value, CONTEXT
    match change:
        case "value":
            value = value[:-1] + bytes([value[-1] ^ 1])
        case "salt":
            value = bytes([value[0] ^ 1]) + value[1:]
        case "size":
            value += bytes(8)
        case "round":
            context = replace(CONTEXT, round=2)
        case _:
            context = replace(CONTEXT, **{change: "0" * 64})
    with pytest.raises(ProtocolError, match="not the one it committed to"):
        open_masked_update(context, value, GIVEN.masked, UPDATE.size)


def test_the_mask_is_bound_for_each_party():
    assert dict(GIVEN.masks) == {
        party: mask_commitment(CONTEXT, party, seed) for party, seed in zip(PARTIES, SEEDS, strict=True)
    }
    bound = [*GIVEN.masks.values(), GIVEN.masked]
    bound += [mask_commitment(CONTEXT, PARTIES[1], SEEDS[0]), mask_commitment(CONTEXT, PARTIES[0], SEEDS[1])]
    bound += [mask_commitment(replace(CONTEXT, round=2), PARTIES[0], SEEDS[0])]
    assert len(set(bound)) == len(bound)


def test_the_commitment_hides_the_update_from_who_knows_the_mask():
    """The dealer knows u and reads the ledger: without the salt it could try updates."""
    again = commit_update(CONTEXT, PARTIES, UPDATE, SEEDS, b"1" * 32)
    assert again.masked != GIVEN.masked and again.value[32:] == GIVEN.value[32:]
    assert again.masks == GIVEN.masks
    for secret in (UPDATE.astype("<i8").tobytes()[-8:], bytes(32)):
        assert secret not in repr(GIVEN).encode()


def test_masks_of_all_that_differs_are_different():
    masks = [
        update_mask(SEEDS, context.name, 4).tobytes()
        for context in (
            CONTEXT,
            replace(CONTEXT, task="other"),
            replace(CONTEXT, round=2),
            replace(CONTEXT, hospital="H"),
        )
    ]
    assert len(set(masks)) == len(masks)
