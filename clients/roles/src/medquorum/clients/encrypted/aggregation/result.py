# SPDX-License-Identifier: Apache-2.0
"""From the opened sum to what a node attests: the next model in integers, or why the sum is not the right one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import numpy as np

from medquorum.core import model as modelformat
from medquorum.core.aggregate import next_model
from medquorum.core.combination import Combination
from medquorum.core.documents.aggregation.aggregate import Mismatch
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import IntArray
from medquorum.core.model import Tensors
from medquorum.verifier.binding.masks import masks_hash

__all__ = ["masked_hash", "mismatch_of", "model_name", "next_packed"]


def masked_hash(masked: bytes) -> str:
    """Return the hex SHA-256 of the sum of masked parameters, little-endian int64."""
    return hashlib.sha256(masked).hexdigest()


def mismatch_of(
    masks: Masks, masked_hashes: Sequence[str], masked: bytes, salt: bytes, total: IntArray
) -> Mismatch | None:
    """Return why the opened sum is not that of what was evaluated; None where it is.

    Parameters
    ----------
    masks
        What the dealer attested.
    masked_hashes
        The parties' hashes of ``masked``.
    masked
        Sum of W_i·R_i over the accepted updates, R_i = r_i + u_i, little-endian int64.
    salt
        The dealer's.
    total
        Array of int64 (parameters,).
        The opened sum of W_i·r_i.
    """
    own = masked_hash(masked)
    if not all(hmac.compare_digest(own, stated) for stated in masked_hashes):
        return "MASKED_SUMS"
    hidden = np.frombuffer(masked, dtype="<i8") - total
    digest = masks_hash(masks.task, masks.round, masks.weights, salt, hidden)
    return None if hmac.compare_digest(digest, masks.hash) else "MASKS"


def next_packed(task: Task, base: Tensors, total: IntArray, weights: Mapping[str, int]) -> bytes:
    """Return the packed next model from the sum (parameters,) of the updates, each times its weight."""
    description = modelformat.parse(task.model)
    sums: dict[str, IntArray] = {}
    start = 0
    for spec in modelformat.layout(description):
        sums[spec.name] = total[start : start + spec.size].reshape(spec.shape)
        start += spec.size
    if task.has_root:
        combination = Combination(description, base, weights)
        combination.add_sum(sums)
        return modelformat.pack(description, combination.rounded())
    model = next_model(
        description, base, sums, len(weights), lambda_numerator=task.lambda_numerator, lambda_bits=task.lambda_bits
    )
    return modelformat.pack(description, model)


def model_name(task: Task, packed: bytes) -> str:
    """Return the hash of a packed model of a task."""
    return modelformat.model_hash(task.layout, modelformat.chunk_hashes(packed))
