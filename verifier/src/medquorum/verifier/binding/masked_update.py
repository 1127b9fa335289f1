# SPDX-License-Identifier: Apache-2.0
"""An update under its mask: R = r + u, which its hospital hands to both parties, and what binds it on the ledger.

1. The dealer gives the hospital the seeds of both parts of u. The hospital knows r, so u tells it nothing.
2. On the ledger are a salted hash of R, one for both parties, and a hash of each part's seed.
3. Each party holds R against the first, and the seed that the dealer gives it against its own. So neither can have
   another R, and a dealer that deals another mask than it gave the hospital is found.
4. R - u_0 and -u_1 are shares of r.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.errors import ProtocolError
from medquorum.verifier.binding.commitment import SALT_BYTES, ShareContext
from medquorum.verifier.binding.masks import mask_share, update_mask

__all__ = [
    "CommittedUpdate",
    "commit_update",
    "mask_commitment",
    "masked_share",
    "masked_update_bytes",
    "open_masked_update",
]

_MASKED = b"medquorum masked update v1"
_MASK = b"medquorum part of a mask v1"


@dataclass(frozen=True)
class CommittedUpdate:
    """A masked update as both parties get it, its commitment, and the commitments to the parts of its mask by party."""

    value: bytes = field(repr=False)
    masked: str
    masks: Mapping[str, str]


def commit_update(
    context: ShareContext, parties: tuple[str, str], update: IntArray, seeds: tuple[bytes, bytes], secret: bytes
) -> CommittedUpdate:
    """Hide an update (n,) of raw parameters under its mask, behind a salt: the dealer knows the mask.

    Parameters
    ----------
    parties
        MSP ids of P0 and P1.
    update
        Array of int64 (n,).
    seeds
        Of both parts of the mask, from the dealer.
    secret
        Drawn from the operating system for this update and kept: the salt follows from it.
    """
    masked = update + update_mask(seeds, context.name, update.shape[0])
    value = hmac.digest(secret, b"medquorum salt of the masked update", "sha256") + masked.astype("<i8").tobytes()
    masks = {party: mask_commitment(context, party, seed) for party, seed in zip(parties, seeds, strict=True)}
    return CommittedUpdate(value, context.digest(_MASKED, value), masks)


def masked_update_bytes(parameters: int) -> int:
    """Return the bytes of the value that both parties are handed: the salt, then R."""
    return SALT_BYTES + 8 * parameters


def open_masked_update(context: ShareContext, value: bytes, commitment: str, parameters: int) -> IntArray:
    """Check a value against the ledger's commitment and return R (parameters,).

    Raises
    ------
    ProtocolError
        It is not what the hospital committed to, or has another size.
    """
    fits = hmac.compare_digest(context.digest(_MASKED, value), commitment)
    if len(value) != masked_update_bytes(parameters) or not fits:
        raise ProtocolError(
            f"the masked update of {context.hospital} in round {context.round} is not the one it committed to",
            "The hospital has to hand over the update whose commitment it submitted",
        )
    return np.frombuffer(value, dtype="<i8", offset=SALT_BYTES).astype(np.int64, copy=False)


def mask_commitment(context: ShareContext, party: str, seed: bytes) -> str:
    """Return the commitment to a party's part of the mask: a hash of its seed, which nobody can guess."""
    return context.digest(_MASK, seed, party)


def masked_share(context: ShareContext, index: int, masked: IntArray, seed: bytes) -> IntArray:
    """Return the share (n,) of r that party ``index`` has by R (n,) and the seed of its part of the mask."""
    part = mask_share(index, seed, context.name, masked.shape[0])
    return masked - part if index == 0 else -part
