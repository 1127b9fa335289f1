# SPDX-License-Identifier: Apache-2.0
"""Two organisations trade an asset: ``python application.py network/organizations/peerOrganizations``."""

from __future__ import annotations

import sys
from pathlib import Path

from medquorum.gateway import EndorseError, chaincode_message, connect_profile, retrying


def main(organizations: Path) -> None:
    """Create an asset as Org1, give it to Org2, and see that Org1 cannot give it away twice."""
    org1 = connect_profile(organizations / "org1.example.com" / "connection-org1.json", "User1")
    org2 = connect_profile(organizations / "org2.example.com" / "connection-org2.json", "User1")
    with org1, org2:
        network = org1.get_network("mychannel")
        assets = network.get_contract("assets")

        # Submit: both organisations' peers endorse, the orderer puts it into a block, the peers commit it.
        # Right after a deployment peers need some seconds to tell one another of it: a fresh proposal until then.
        patient = retrying(attempts=10)
        print("created:", patient(assets.submit_transaction, "CreateAsset", "asset1", "blue").decode())

        # The same helps after a conflict with somebody else's transaction.
        patient(assets.submit_transaction, "CreateAsset", "asset2", "green")

        # The same in steps: endorse, hand to the orderer, wait for the block.
        submitted = assets.submit_async("TransferAsset", arguments=["asset1", "Org2MSP"])
        status = submitted.status()
        print(f"transferred: in block {status.block_number}, {status.code}")

        # Events from that block on; without a start block, only what comes from now on.
        with network.chaincode_events("assets", start_block=status.block_number) as events:
            event = next(events)
            print("event:", event.name, event.payload.decode())

        try:
            assets.submit_transaction("TransferAsset", "asset1", "Org3MSP")
        except EndorseError as error:
            print("refused:", chaincode_message(error))

        # Evaluate: one peer answers, nothing is written.
        print(
            "Org2 sees:",
            org2.get_network("mychannel").get_contract("assets").evaluate_transaction("ListAssets").decode(),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
