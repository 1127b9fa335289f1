# SPDX-License-Identifier: Apache-2.0
"""A Byzantine-fault-tolerant ordering service without its quorum: Submit fails, the transaction is committed later."""

from __future__ import annotations

from pathlib import Path

import pytest

from medquorum.gateway import CommitStatusError, Submissions, connect_profile, retrying
from medquorum_testing.gateway.scenario import CHAINCODE, CHANNEL
from medquorum_testing.network.networks import Networks


@pytest.mark.fabric
@pytest.mark.slow
def test_a_failed_submit_is_committed_once_when_the_orderers_are_back(networks: Networks, tmp_path: Path) -> None:
    running = networks.start("fabric", hospitals=1, consensus="BFT")
    running.deploy(CHAINCODE)
    late = running.consortium.orderers[2:]
    with connect_profile(running.profile("VerifierA"), "User1") as gateway:
        contract = gateway.get_network(CHANNEL).get_contract(CHAINCODE)
        retrying(attempts=20)(contract.submit_transaction, "Put", "k", "-")
        submissions = Submissions(gateway, tmp_path, status_timeout=5)
        transaction = contract.new_proposal("Append", arguments=["k", "once"]).endorse()
        for orderer in late:
            running.stop(orderer.node)
        with pytest.raises(CommitStatusError):
            submissions.submit(transaction, timeout=0)
        for orderer in late:
            running.start(orderer.node)
        assert submissions.resolve(transaction.transaction_id, timeout=120).successful
        contract.submit_transaction("Put", "other", "1")
        assert contract.evaluate_transaction("Get", "k") == b"-once"
    running.network.down(purge=True)
