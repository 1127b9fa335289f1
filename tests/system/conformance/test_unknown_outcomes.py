# SPDX-License-Identifier: Apache-2.0
"""What our client does when a peer goes away in the middle, and when transactions collide."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tenacity

from medquorum.gateway import (
    CommitStatusError,
    EndorseError,
    FileCheckpointer,
    Gateway,
    GatewayError,
    Submissions,
    connect_profile,
    retrying,
)
from medquorum_testing.gateway.conformance_network import ConformanceNetwork
from medquorum_testing.gateway.scenario import CHAINCODE, CHANNEL

PATIENT = {"attempts": 40, "longest_wait": 1.0}


@pytest.fixture
def gateway(network: ConformanceNetwork) -> Iterator[Gateway]:
    with connect_profile(network.running.profile("Org1"), "User1") as gateway:
        yield gateway


@pytest.fixture
def restored(network: ConformanceNetwork) -> Iterator[None]:
    """Leave the network as it was: Org1's peer up and known to the others."""
    yield
    network.running.start("Org1")
    for name in ("Org1", "Org2"):
        with connect_profile(network.running.profile(name), "User1") as gateway:
            contract = gateway.get_network(CHANNEL).get_contract(CHAINCODE)
            retrying(**PATIENT)(contract.submit, "Echo", endorsing_organizations=["Org1MSP", "Org2MSP"])


@pytest.mark.usefixtures("restored")
def test_the_outcome_of_a_transaction_is_found_after_the_peer_is_back(
    network: ConformanceNetwork, gateway: Gateway, key: str, tmp_path: Path
) -> None:
    contract = gateway.get_network(CHANNEL).get_contract(CHAINCODE)
    submissions = Submissions(gateway, tmp_path, status_timeout=5)
    transaction = contract.new_proposal("Append", arguments=[key, "once"]).endorse()
    network.running.stop("Org1")
    with pytest.raises(CommitStatusError):
        submissions.submit(transaction, timeout=0)
    assert submissions.pending() == [transaction.transaction_id]
    network.running.start("Org1")
    assert submissions.resolve(transaction.transaction_id).successful
    assert submissions.pending() == []
    assert retrying(**PATIENT)(contract.evaluate_transaction, "Get", key) == b"once"


def test_a_committed_transaction_found_in_the_store_is_not_repeated(gateway: Gateway, key: str, tmp_path: Path) -> None:
    """As after a crash between the commit and the removal of the stored envelope."""
    contract = gateway.get_network(CHANNEL).get_contract(CHAINCODE)
    transaction = contract.new_proposal("Append", arguments=[key, "once"]).endorse()
    (tmp_path / f"{transaction.transaction_id}.transaction").write_bytes(transaction.signed_bytes())
    first = transaction.submit().status()
    assert Submissions(gateway, tmp_path).resolve(transaction.transaction_id) == first
    assert contract.evaluate_transaction("Get", key) == b"once"


@pytest.mark.usefixtures("restored")
def test_a_listener_goes_on_at_its_checkpoint_when_the_peer_is_back(
    network: ConformanceNetwork, gateway: Gateway, key: str, tmp_path: Path
) -> None:
    channel = gateway.get_network(CHANNEL)
    path = tmp_path / "checkpoint.json"
    first = channel.get_contract(CHAINCODE).submit_async("PutAndEmit", arguments=[key, "0", "Made", f"{key} 0"])
    events = channel.chaincode_events(CHAINCODE, start_block=first.status().block_number, timeout=30)
    seen = next(events)
    assert seen.transaction_id == first.transaction_id
    FileCheckpointer(path).checkpoint_chaincode_event(seen)
    network.running.stop("Org1")
    with pytest.raises(GatewayError) as caught:
        next(events)
    assert caught.value.code in ("UNAVAILABLE", "CANCELLED")
    with connect_profile(network.running.profile("Org2"), "User1") as other:
        contract = other.get_network(CHANNEL).get_contract(CHAINCODE)
        retrying(**PATIENT)(contract.submit_transaction, "PutAndEmit", key, "1", "Made", f"{key} 1")
    network.running.start("Org1")
    reconnecting = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(GatewayError), wait=tenacity.wait_fixed(0.2), reraise=True
    )

    def missed() -> bytes:
        with channel.chaincode_events(CHAINCODE, checkpoint=FileCheckpointer(path), timeout=30) as again:
            return next(again).payload

    assert reconnecting(missed) == f"{key} 1".encode()


def test_conflicting_writers_all_succeed_with_retries(gateway: Gateway, key: str) -> None:
    contract = gateway.get_network(CHANNEL).get_contract(CHAINCODE)
    contract.submit_transaction("Put", key, "-")
    writers = [str(number) for number in range(4)]
    with ThreadPoolExecutor(len(writers)) as pool:
        list(pool.map(lambda text: retrying(**PATIENT)(contract.submit_transaction, "Append", key, text), writers))
    assert sorted(contract.evaluate_transaction("Get", key).decode()) == sorted(["-", *writers])


def test_a_refusal_is_not_retried(gateway: Gateway) -> None:
    attempts = []
    contract = gateway.get_network(CHANNEL).get_contract(CHAINCODE)

    def refused() -> bytes:
        attempts.append(1)
        return contract.submit_transaction("Refuse", "ROUND_CLOSED", "the round is closed")

    with pytest.raises(EndorseError, match="ROUND_CLOSED"):
        retrying()(refused)
    assert len(attempts) == 1
