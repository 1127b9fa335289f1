# SPDX-License-Identifier: Apache-2.0
"""Which policies a simulated transaction must satisfy, and so who has to endorse it (``protos.ChaincodeInterest``)."""

from __future__ import annotations

from dataclasses import dataclass, field

from medquorum.network.devnet.peer.simulator import Simulator

__all__ = ["Interest"]


@dataclass(frozen=True)
class Interest:
    """Namespaces under their chaincode's policy, collections touched, and key-level policies (serialized)."""

    chaincodes: frozenset[str]
    collections: frozenset[tuple[str, str]] = frozenset()
    private_reads: frozenset[tuple[str, str]] = frozenset()
    key_policies: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, simulator: Simulator) -> Interest:
        """Derive it from a finished simulation.

        A namespace whose written keys all have policies of their own is not held to its chaincode's.
        """
        policies = {policy for key_policies in simulator.key_policies.values() for policy in key_policies if policy}
        written = {namespace for namespace, _ in simulator.key_policies}
        chaincodes = {name for name in simulator.result.namespaces if name not in written}
        collections = set(simulator.private_reads)
        for (namespace, collection), key_policies in simulator.key_policies.items():
            if b"" not in key_policies:
                continue
            if collection:
                collections.add((namespace, collection))
            else:
                chaincodes.add(namespace)
        return cls(
            frozenset(chaincodes), frozenset(collections), frozenset(simulator.private_reads), tuple(sorted(policies))
        )
