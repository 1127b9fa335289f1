# SPDX-License-Identifier: Apache-2.0
"""Identities in a block: who an author or endorser is, its role, and its signature."""

from contextlib import suppress
from datetime import UTC, datetime

from medquorum.clients.proof.blocks.walk import begin
from medquorum.clients.proof.identities.identity import check_signature, read_identity
from medquorum.errors import CheckFailed
from medquorum_testing.chain.memory_chain import MemoryChain

CHAIN = MemoryChain()
CONFIGURATION = begin(CHAIN.blocks[0], CHAIN.trust).configuration
MEMBER = CHAIN.members["VerifierAMSP"]
SEEDS = [one.serialized for one in (MEMBER.peer, MEMBER.client, MEMBER.admin, CHAIN.orderers[0])]
SIGNATURE = MEMBER.peer.sign(b"message")


def run(data: bytes) -> None:
    with suppress(CheckFailed):
        check_signature(read_identity(MEMBER.peer.serialized), b"message", data[: len(SIGNATURE)], "it")
    check_signature(read_identity(data), b"message", SIGNATURE, "it")
    for roles in (("peer",), ("orderer",)):
        with suppress(CheckFailed):
            CONFIGURATION.identify(data, roles, CHAIN.trust.authorities, datetime.now(UTC), "it")
