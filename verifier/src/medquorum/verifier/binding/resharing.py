# SPDX-License-Identifier: Apache-2.0
"""A party's sum, shared once more among n aggregation nodes: a seed for all but the last, the rest for that one.

The re-shares follow from the party's secret of the round and the nodes, so that a party that was killed sends the same
again; another choice of nodes gives independent ones. Less than all of one choice's are uniform.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import numpy as np

from medquorum.core import canonical
from medquorum.core.fixedpoint import IntArray
from medquorum.errors import ProtocolError
from medquorum.verifier.randomness.sharing import expand
from medquorum.verifier.randomness.stream import SEED_BYTES

__all__ = ["AggregationContext", "open_reshare", "reshare_bytes", "reshares"]


class AggregationContext:
    """What re-shares and nodes' sums belong to: they fit no other task, round, set of updates or choice of nodes.

    Parameters
    ----------
    base
        Hash of the round's base model.
    updates
        Sequence of (hospital, commitment, weight).
        The accepted set as the ledger fixed it, in its order.
    nodes
        MSP ids of the chosen nodes, sorted.
    """

    def __init__(
        self, task: str, round_number: int, base: str, updates: Sequence[tuple[str, str, int]], nodes: Sequence[str]
    ) -> None:
        self.task = task
        self.round = round_number
        self.nodes = tuple(nodes)
        self.set = hashlib.sha256(
            canonical.encode([task, round_number, base, [list(update) for update in updates]])
        ).hexdigest()

    def label(self, party: str) -> bytes:
        """Return the label of a party's streams."""
        return canonical.encode(["reshare", self.set, list(self.nodes), party])


def reshares(context: AggregationContext, party: str, secret: bytes, total: IntArray) -> Mapping[str, bytes]:
    """Share a party's sum (parameters,) among the context's nodes.

    Parameters
    ----------
    party
        The party's MSP id.
    secret
        Drawn from the operating system for this round and kept.
    total
        Array of int64 (parameters,).

    Returns
    -------
    mapping of node to bytes
        32 bytes of a seed; for the last node the vector, little-endian int64.
    """
    *seeded, last = context.nodes
    label = context.label(party)
    given: dict[str, bytes] = {}
    rest = total
    for node in seeded:
        given[node] = hmac.digest(secret, label + node.encode(), "sha256")
        rest = rest - expand(given[node], label, total.shape[0])
    given[last] = rest.astype("<i8").tobytes()
    return given


def reshare_bytes(nodes: Sequence[str], node: str, parameters: int) -> int:
    """Return the bytes of the re-share that one of the chosen nodes gets."""
    return SEED_BYTES if node != nodes[-1] else 8 * parameters


def open_reshare(context: AggregationContext, party: str, node: str, payload: bytes, parameters: int) -> IntArray:
    """Return the re-share (parameters,) that a node got from a party.

    Raises
    ------
    ProtocolError
        It has another size.
    """
    if len(payload) != reshare_bytes(context.nodes, node, parameters):
        raise ProtocolError(f"the re-share of {party} has {len(payload)} bytes", "Install the same release")
    if node != context.nodes[-1]:
        return expand(payload, context.label(party), parameters)
    return np.frombuffer(payload, dtype="<i8").astype(np.int64)
