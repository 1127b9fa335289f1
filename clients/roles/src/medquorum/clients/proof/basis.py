# SPDX-License-Identifier: Apache-2.0
"""What a proof starts from: the caller's own files, and nothing that the own peer says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medquorum.clients.proof.blocks.reader import Chain
from medquorum.clients.proof.blocks.walk import Trust
from medquorum.clients.proof.endorsement import Endorsers
from medquorum.clients.proof.trust_root import read_genesis, read_root
from medquorum.clients.runtime.session import CHAINCODE, Session

__all__ = ["Proof"]


@dataclass(frozen=True)
class Proof:
    """Whom to believe when something is proven from block 0 on: nobody whom the own peer names.

    Attributes
    ----------
    organizations
        The folder organizations/peerOrganizations with the authorities' certificates.
    consortium
        The own consortium.toml; by default that of the folder of ``organizations``.
    genesis
        The hash of block 0; by default of the block in that folder.
    """

    organizations: Path
    consortium: Path | None = None
    genesis: str | None = None

    def begin(self, session: Session) -> tuple[Chain, Endorsers]:
        """Return the chain as the own peer will be asked for it, and whom to believe.

        Raises
        ------
        ConfigError
            A file is missing or is not what it should be.
        """
        root = read_root(self.organizations, self.consortium)
        genesis = read_genesis(self.organizations, session.channel, self.genesis)
        return Chain(session.network, Trust(session.channel, CHAINCODE, root.authorities, genesis)), root
