# SPDX-License-Identifier: Apache-2.0
"""Fabric's chaincode life cycle: install, approve, commit, under each organisation's administrator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import tenacity

from medquorum.errors import NetworkError
from medquorum.network.consortium.consortium import Organisation
from medquorum.network.deployment.chaincodes import Deployment
from medquorum.network.fabric.client import AdminClient, document_in

__all__ = ["Lifecycle"]

# On a fresh channel the orderers may still be electing their leader, or change it while the transaction waits; one
# that comes late makes its repetition an `attempted to redefine`, or invalid when both are in one block. A peer that
# lags does not have the definition before yet.
_PASSING = "SERVICE_UNAVAILABLE|timed out waiting for txid|MVCC_READ_CONFLICT|larger than the next available sequence"
_until_ordered = tenacity.retry(
    retry=tenacity.retry_if_exception_message(match=f"(?s).*({_PASSING})"),
    wait=tenacity.wait_fixed(0.3),
    stop=tenacity.stop_after_delay(60),
    reraise=True,
)


@dataclass(frozen=True)
class Lifecycle:
    """One definition's way into the channel; every step may be repeated."""

    client: AdminClient
    deployment: Deployment

    def install(self, organisation: Organisation, package: Path) -> None:
        """Install the package on an organisation's peer, which runs its external builder."""
        try:
            self.client.peer(organisation, "lifecycle", "chaincode", "install", str(package))
        except NetworkError as error:
            if "already successfully installed" not in error.cause:
                raise

    @_until_ordered
    def approve(self, organisation: Organisation) -> None:
        """Approve the definition for an organisation."""
        flags = [*self._definition(), "--package-id", self.deployment.package_id, *self.client.orderer_flags]
        try:
            self.client.peer(organisation, "lifecycle", "chaincode", "approveformyorg", *flags)
        except NetworkError as error:
            approved_before = "attempted to redefine" in error.cause and "different parameters" not in error.cause
            # A peer of Fabric 2.5 endorses the same approval again; it writes nothing, which is then refused.
            if not approved_before and not (
                "ENDORSEMENT_POLICY_FAILURE" in error.cause and self._approved(organisation)
            ):
                raise

    def approve_committed(self, organisation: Organisation) -> bool:
        """Approve for an organisation what the others have committed; False when that is another definition."""
        try:
            self.approve(organisation)
        except NetworkError as error:
            if "with different parameters" in error.cause:
                return False
            raise
        return True

    def approvals(self, asked: Organisation) -> dict[str, bool]:
        """Ask a peer which organisations (by MSP id) have approved exactly this definition."""
        flags = [*self._definition(), "--output", "json"]
        answer = self.client.peer(asked, "lifecycle", "chaincode", "checkcommitreadiness", *flags)
        approved: dict[str, bool] = document_in(answer)["approvals"]
        return approved

    def commit(self, sender: Organisation, endorsers: list[Organisation]) -> None:
        """Commit the definition, endorsed by the organisations' peers; waits until all of them have it."""
        flags = [*self._definition(), *self.client.orderer_flags, *self.client.peer_flags(endorsers)]
        self.client.peer(sender, "lifecycle", "chaincode", "commit", *flags)

    @_until_ordered
    def initialise(self, endorsers: list[Organisation]) -> None:
        """Call the function that the definition wants to be called first, endorsed by the organisations' peers."""
        deployment = self.deployment
        flags = [
            "-C",
            deployment.channel,
            "-n",
            deployment.name,
            "--isInit",
            "-c",
            json.dumps({"function": deployment.init, "Args": []}),
        ]
        flags += ["--waitForEvent", *self.client.orderer_flags, *self.client.peer_flags(endorsers)]
        try:
            self.client.peer(endorsers[0], "chaincode", "invoke", *flags)
        except NetworkError as error:
            if "already initialized" not in error.cause:
                raise

    def committed_sequence(self, asked: Organisation) -> int:
        """Return the sequence of the committed definition, 0 when there is none."""
        channel = ["--channelID", self.deployment.channel, "--name", self.deployment.name, "--output", "json"]
        try:
            answer = self.client.peer(asked, "lifecycle", "chaincode", "querycommitted", *channel)
        except NetworkError as error:
            if "is not defined" in error.cause:
                return 0
            raise
        return int(document_in(answer)["sequence"])

    def write_collections(self) -> None:
        """Write the file of collections that approvals and the commit name."""
        if self.deployment.collections:
            self._collections.write_text(json.dumps(self.deployment.collections, indent=1))

    def _approved(self, organisation: Organisation) -> bool:
        """Ask an organisation's own peer whether it has approved this sequence with this package."""
        sequence = ["--sequence", str(self.deployment.sequence), "--output", "json"]
        channel = ["--channelID", self.deployment.channel, "--name", self.deployment.name]
        try:
            answer = self.client.peer(organisation, "lifecycle", "chaincode", "queryapproved", *channel, *sequence)
        except NetworkError:
            return False
        package: str = document_in(answer)["source"]["Type"]["LocalPackage"]["package_id"]
        return package == self.deployment.package_id

    @property
    def _collections(self) -> Path:
        deployment = self.deployment
        return self.client.folder.packages / f"{deployment.name}_{deployment.sequence}_collections.json"

    def _definition(self) -> list[str]:
        deployment = self.deployment
        flags = ["--channelID", deployment.channel, "--name", deployment.name, "--version", deployment.version]
        flags += ["--sequence", str(deployment.sequence), "--signature-policy", deployment.policy]
        if deployment.collections:
            flags += ["--collections-config", str(self._collections)]
        return [*flags, "--init-required"] if deployment.init else flags
