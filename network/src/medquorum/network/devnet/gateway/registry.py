# SPDX-License-Identifier: Apache-2.0
"""Which peers a gateway knows, and the plans it makes with them.

A gateway drops a peer that did not answer, and takes it again when it can connect: so the first call after a peer's
death fails on it, and later ones plan without it, as in Fabric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medquorum.network.devnet.gateway.plan import Plan, layouts, preferring
from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.peer.endorser import Endorser
from medquorum.network.devnet.peer.interest import Interest
from medquorum.network.devnet.policy import policy

__all__ = ["NoPeers", "Registry"]


CACHE_SIZE = 256


class NoPeers(Exception):
    """No peers can be found for a request."""


class Registry:
    """One gateway's view of the channel's peers."""

    def __init__(self, ledger: Ledger, local: Endorser, everyone: Mapping[str, Endorser]) -> None:
        self._ledger = ledger
        self._local = local
        self._everyone = everyone
        self._connected = set(everyone)
        self._known: dict[tuple[tuple[bytes, ...], tuple[str, ...]], list[frozenset[str]]] = {}

    @property
    def local(self) -> Endorser:
        """The gateway's own peer."""
        return self._local

    def drop(self, endorser: Endorser) -> None:
        """Forget a peer that did not answer; the own one stays."""
        if endorser is not self._local:
            self._connected.discard(endorser.msp_id)

    def find(self, msp_id: str) -> Endorser | None:
        """Find a peer, connecting to it again where it was dropped."""
        endorser = self._everyone.get(msp_id)
        if endorser is None or endorser.msp_id in self._connected:
            return endorser
        if not endorser.up:
            return None
        self._connected.add(msp_id)
        return endorser

    def evaluators(self, chaincode: str, organisations: Sequence[str]) -> list[Endorser]:
        """Return the peers for an evaluation in the order of trial, the own one first.

        Raises
        ------
        NoPeers
            When no peer of the organisations (of any, where none is named) has the chaincode.
        """
        wanted = organisations or list(self._everyone)
        peers = [peer for msp in wanted if (peer := self.find(msp)) and peer.serves(chaincode)]
        if not peers:
            raise NoPeers(f"no peers available to evaluate chaincode {chaincode} in channel {self._ledger.channel_id}")
        return sorted(peers, key=lambda peer: peer is not self._local)

    def plan_for(self, chaincode: str, organisations: Sequence[str]) -> Plan:
        """Plan for exactly the named organisations.

        Raises
        ------
        NoPeers
            When one has no peer with the chaincode.
        """
        missing = [msp for msp in organisations if not ((peer := self.find(msp)) and peer.serves(chaincode))]
        if missing:
            raise NoPeers(f"failed to find any endorsing peers for org(s): {', '.join(missing)}")
        return Plan([frozenset(organisations)])

    def plan(self, interest: Interest, *, cautious: bool, preferred: str) -> Plan:
        """Plan for whoever satisfies the policies.

        ``cautious`` admits only members of every collection touched (transient data must not leave them); otherwise
        membership counts for the collections read.

        Raises
        ------
        NoPeers
            When no set of available peers satisfies them.
        """
        policies = self._policies(interest)
        confined = interest.collections if cautious else interest.private_reads
        everyone = self._ledger.members.peers
        names = interest.chaincodes | {namespace for namespace, _ in interest.collections}
        able = [msp for msp, peer in self._everyone.items() if all(peer.serves(name) for name in names)]
        for namespace, collection in confined:
            config = self._ledger.definitions.current()[namespace].collection(collection)
            able = [msp for msp in able if config and policy.satisfied(config.members, [everyone[msp]])]
        possible = self._layouts(policies, able)
        if not possible:
            raise NoPeers(
                "no combination of peers can be derived which satisfy the endorsement policy: "
                "no peer combination can satisfy the endorsement policy"
            )
        available = {msp for msp in able if self.find(msp)}
        available_layouts = [layout for layout in possible if layout <= available]
        if not available_layouts:
            raise NoPeers(
                "failed to select a set of endorsers that satisfy the endorsement policy due to unavailability of peers"
            )
        return Plan(preferring(available_layouts, preferred))

    def _layouts(self, policies: Sequence[Any], able: Sequence[str]) -> list[frozenset[str]]:
        """Remember the answers: a majority of many organisations has many layouts, and they are asked for often."""
        key = (tuple(policy.SerializeToString() for policy in policies), tuple(able))
        if key not in self._known:
            if len(self._known) >= CACHE_SIZE:
                self._known.clear()
            self._known[key] = layouts(policies, {msp: self._ledger.members.peers[msp] for msp in able})
        return self._known[key]

    def _policies(self, interest: Interest) -> list[Any]:
        definitions = self._ledger.definitions.current()
        peers = tuple(self._ledger.members.peers)
        policies: dict[str, Any] = {}
        for name in sorted(interest.chaincodes):
            if name not in definitions:
                raise NoPeers(
                    "no combination of peers can be derived which satisfy the endorsement policy: "
                    f"No metadata was found for chaincode {name} in channel {self._ledger.channel_id}"
                )
            policies[name] = definitions[name].endorsement(peers)
        for name, collection in sorted(interest.collections):
            config = definitions[name].collection(collection)
            own = config.endorsement if config else None
            key = f"{name}/{collection}" if own is not None else name
            policies[key] = own if own is not None else definitions[name].endorsement(peers)
        return [*policies.values(), *(envelope for data in interest.key_policies if (envelope := policy.read(data)))]
