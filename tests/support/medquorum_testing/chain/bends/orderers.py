# SPDX-License-Identifier: Apache-2.0
"""Bends of the orderers' signatures under a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fabric_protos.common.common_pb2 import BlockMetadataIndex, Metadata, OrdererBlockMetadata

from medquorum.network.identity.msp import Signer
from medquorum_testing.chain.bends.bend import Bend, Chain, high_s
from medquorum_testing.chain.block_forger import sign

__all__ = ["ORDERERS"]


def _signatures(chain: Chain, changed: Callable[[Any], object]) -> None:
    fields = chain.block.metadata.metadata
    metadata = Metadata.FromString(fields[BlockMetadataIndex.SIGNATURES])
    changed(metadata)
    fields[BlockMetadataIndex.SIGNATURES] = metadata.SerializeToString()


def _no_signature(chain: Chain) -> None:
    _signatures(chain, lambda metadata: metadata.ClearField("signatures"))


def _below_quorum(chain: Chain) -> None:
    _signatures(chain, lambda metadata: metadata.signatures.__delitem__(slice(2 if chain.bft else 0, None)))


def _twice(chain: Chain) -> None:
    _signatures(chain, lambda metadata: metadata.signatures.append(metadata.signatures[0]))


def _garbled(chain: Chain) -> None:
    _signatures(chain, lambda metadata: setattr(metadata.signatures[-1], "signature", b"0" * 70))


def _orderer_high_s(chain: Chain) -> None:
    def changed(metadata: Any) -> None:
        metadata.signatures[0].signature = high_s(metadata.signatures[0].signature)

    _signatures(chain, changed)


def _signed_by(chain: Chain, signer: Signer, number: int = 1) -> None:
    sign(chain.block, [signer], bft=chain.bft, first=number)


def _by_a_peer(chain: Chain) -> None:
    _signed_by(chain, chain.keys.node("VerifierAMSP"), 99)


def _by_an_admin(chain: Chain) -> None:
    _signed_by(chain, chain.keys.user(chain.keys.consortium.orderers[0].msp_id, "Admin"))


def _by_a_false_orderer(chain: Chain) -> None:
    _signed_by(chain, chain.keys.stranger(chain.keys.consortium.orderers[0].msp_id, "orderer"))


def _last_configuration(chain: Chain) -> None:
    def changed(metadata: Any) -> None:
        value = OrdererBlockMetadata.FromString(metadata.value)
        value.last_config.index = chain.number - 1
        metadata.value = value.SerializeToString()

    _signatures(chain, changed)


ORDERERS = [
    Bend("no orderer's signature", "signed by no orderer", _no_signature, raw=True),
    Bend("a garbled orderer's signature", "block .* is not signed by", _garbled, raw=True),
    Bend("an orderer's signature with a high S", "has a high S", _orderer_high_s, raw=True),
    Bend("an orderer twice", "signed twice by one orderer", _twice, raw=True),
    Bend("a peer in an orderer's place", "does not have there", _by_a_peer, raw=True, bft="orderer 99, which"),
    Bend(
        "an administrator in an orderer's place",
        "whose role is admin",
        _by_an_admin,
        raw=True,
        bft="block .* is not signed by",
    ),
    Bend(
        "a false orderer", "not issued by its authority", _by_a_false_orderer, raw=True, bft="block .* is not signed by"
    ),
    Bend("another last configuration", "names block .* as the last configuration", _last_configuration),
    Bend("too few orderers", "have to", _below_quorum, raw=True),
]
