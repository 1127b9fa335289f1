# SPDX-License-Identifier: Apache-2.0
"""An endorsement plan: sets of organisations ("layouts") of which one must endorse the same result."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.gateway.gateway_pb2 import ErrorDetail

from medquorum.network.devnet.policy import policy
from medquorum.network.identity.msp import Identity

__all__ = ["MISMATCH", "Plan", "layouts"]

MISMATCH = "ProposalResponsePayloads do not match"


def layouts(policies: Sequence[Any], peers: Mapping[str, Identity]) -> list[frozenset[str]]:
    """Return the smallest sets of organisations whose peers together satisfy every policy.

    ``peers`` are those that may be asked. None of the sets contains another.
    """
    named = frozenset[str]().union(*(policy.member_organisations(envelope) for envelope in policies))
    candidates = [msp for msp in peers if msp in named]
    smallest: list[frozenset[str]] = []
    for size in range(1, len(candidates) + 1):
        for chosen in itertools.combinations(candidates, size):
            layout = frozenset(chosen)
            if any(smaller <= layout for smaller in smallest):
                continue
            if all(policy.satisfied(envelope, [peers[msp] for msp in chosen]) for envelope in policies):
                smallest.append(layout)
    return smallest


def preferring(candidates: Sequence[frozenset[str]], organisation: str) -> list[frozenset[str]]:
    """Shuffle layouts, those with an organisation first."""
    first = [layout for layout in candidates if organisation in layout]
    rest = [layout for layout in candidates if organisation not in layout]
    random.shuffle(first)
    random.shuffle(rest)
    return first + rest


@dataclass
class Plan:
    """Layouts in the order of trial, and what the organisations asked so far have answered."""

    layouts: list[frozenset[str]]
    payload: bytes | None = field(default=None, repr=False)
    endorsements: dict[str, Any] = field(default_factory=dict, repr=False)
    details: list[Any] = field(default_factory=list)
    _failed: set[str] = field(default_factory=set)

    def next(self) -> list[str] | None:
        """Return the organisations still to ask for the first layout that can be completed; None without one.

        An empty list says that the layout is complete.
        """
        for layout in self.layouts:
            if not layout & self._failed:
                return sorted(layout - self.endorsements.keys())
        return None

    def complete(self) -> list[Any]:
        """Return the endorsements of the completed layout."""
        layout = next(layout for layout in self.layouts if layout <= self.endorsements.keys())
        return [endorsement for msp, endorsement in self.endorsements.items() if msp in layout]

    def endorsed(self, msp_id: str, address: str, response: Any) -> None:
        """Take an endorsement; the first one's payload is what the others must match."""
        if self.payload is None:
            self.payload = response.payload
        if response.payload != self.payload:
            self.failed(msp_id, address, MISMATCH)
            return
        self.endorsements[msp_id] = response.endorsement

    def failed(self, msp_id: str, address: str, message: str) -> None:
        """Take a failure: every layout with this organisation is abandoned."""
        self._failed.add(msp_id)
        self.details.append(ErrorDetail(address=address, msp_id=msp_id, message=message))
