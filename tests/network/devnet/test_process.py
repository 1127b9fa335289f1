# SPDX-License-Identifier: Apache-2.0
"""The running devnet with a real chaincode process and the gateway client: what only a whole process shows."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from fabric_protos.common.common_pb2 import Envelope
from fabric_protos.discovery.protocol_pb2 import SignedRequest
from fabric_protos.peer.proposal_pb2 import SignedProposal

from medquorum.gateway import CommitError, Contract, EndorseError, Gateway, GatewayError, read_profile, tls_channel
from medquorum.network.devnet.switch import State, switch
from medquorum_testing.network.devnet_process import DevnetProcess


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevnetProcess]:
    process = DevnetProcess(tmp_path_factory.mktemp("devnet"))
    try:
        process.start()
        yield process
    finally:
        process.end()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DevnetProcess]:
    process = DevnetProcess(tmp_path)
    try:
        process.start()
        yield process
    finally:
        process.end()


@pytest.fixture
def gateway(shared: DevnetProcess) -> Iterator[Gateway]:
    with shared.gateway() as gateway:
        yield gateway


@pytest.fixture
def contract(gateway: Gateway) -> Contract:
    return gateway.get_network("mychannel").get_contract("asset")


def contract_of(gateway: Gateway) -> Contract:
    return gateway.get_network("mychannel").get_contract("asset")


def test_nothing_committed_is_lost(own: DevnetProcess) -> None:
    with own.gateway() as gateway:
        contract = contract_of(gateway)
        contract.submit_transaction("PutAndEmit", "k", "1", "First", "payload")
        contract.submit("PutPrivate", arguments=["ab", "k"], transient={"value": b"secret"})
        stop = threading.Event()
        acknowledged: list[str] = []

        def write(worker: int) -> None:
            for number in range(1000):
                try:
                    contract.submit_transaction("Put", f"w{worker}n{number}", "1")
                except GatewayError:
                    return
                acknowledged.append(f"w{worker}n{number}")
                if len(acknowledged) > 20:
                    stop.set()

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for worker in range(4):
                pool.submit(write, worker)
            assert stop.wait(60)
            own.kill_devnet(signal.SIGKILL)
    own.start_devnet()
    with own.gateway("VerifierB") as gateway:
        contract = contract_of(gateway)
        assert contract.evaluate_transaction("GetPrivate", "ab", "k") == b"secret"
        for key in acknowledged:
            assert contract.evaluate_transaction("Get", key) == b"1"
        with gateway.get_network("mychannel").chaincode_events("asset", start_block=0) as events:
            event = next(iter(events))
        assert (event.name, event.payload) == ("First", b"payload")
        contract.submit_transaction("Put", "after", "1")
    assert own.kill_devnet(signal.SIGTERM) == 0


def test_other_services_are_unimplemented(shared: DevnetProcess) -> None:
    organisation = shared.organisation("VerifierA")
    assert organisation.peer is not None
    methods = {
        "/protos.Endorser/ProcessProposal": SignedProposal(),
        "/discovery.Discovery/Discover": SignedRequest(),
        "/orderer.AtomicBroadcast/Broadcast": Envelope(),
        "/protos.Snapshot/QueryPendings": Envelope(),
        "/gossip.Gossip/Ping": Envelope(),
    }
    own = read_profile(shared.folder.profile(organisation)).tls()
    roots = shared.folder.tls_ca(organisation).read_bytes()
    with tls_channel(organisation.peer.address, roots, client=own) as channel:
        for method, request in methods.items():
            call = channel.unary_unary(method, request_serializer=lambda message: message.SerializeToString())
            with pytest.raises(grpc.RpcError) as raised:
                call(request, timeout=10)
            assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED, method


def test_a_peer_that_is_down_refuses_and_endorses_no_more(own: DevnetProcess) -> None:
    with own.gateway() as gateway, own.gateway("VerifierB") as other:
        contract, at_b = contract_of(gateway), contract_of(other)
        at_b.submit_transaction("Put", "k", "1")
        switch(own.root, "VerifierBMSP", State.DOWN)
        assert (own.health("VerifierA"), own.health("VerifierB")) == (200, 503)
        with pytest.raises(GatewayError) as refused:
            at_b.evaluate_transaction("Get", "k")
        assert refused.value.code == "UNAVAILABLE"

        def forced() -> EndorseError:
            proposal = contract.new_proposal(
                "Put", arguments=["k", "2"], endorsing_organizations=["VerifierAMSP", "VerifierBMSP"]
            )
            with pytest.raises(EndorseError) as raised:
                proposal.endorse()
            return raised.value

        first = forced()
        assert first.code == "ABORTED"
        assert [(d.msp_id, "connection refused" in d.message) for d in first.details] == [("VerifierBMSP", True)]
        assert forced().code == "UNAVAILABLE", "the gateway has dropped the peer"
        contract.submit_transaction("Put", "k", "3")
    own.kill_devnet(signal.SIGTERM)
    own.start_devnet()
    assert own.health("VerifierB") == 503, "a restart keeps the switch"
    switch(own.root, "VerifierB", State.UP)
    with own.gateway("VerifierB") as gateway:
        assert contract_of(gateway).evaluate_transaction("Get", "k") == b"3"


def test_chaincode_that_ends_is_dialled_again(own: DevnetProcess) -> None:
    assert own.chaincode is not None
    with own.gateway() as gateway:
        contract = contract_of(gateway)
        contract.submit_transaction("Put", "k", "1")
        slow = threading.Thread(
            target=lambda: failures.append(failure(lambda: contract.evaluate_transaction("Slow", "9000")))
        )
        failures: list[GatewayError] = []
        slow.start()
        assert contract.evaluate_transaction("Get", "k") == b"1"
        own.chaincode.kill()
        own.chaincode.wait()
        slow.join(20)
        assert failures[0].code == "ABORTED"
        assert failures[0].details[0].message.endswith("chaincode stream terminated")
        error = failure(lambda: contract.submit_transaction("Put", "k", "2"))
        assert error.code == "ABORTED" and "could not launch chaincode" in error.details[0].message
        own.start_chaincode()
        while True:
            try:
                contract.submit_transaction("Put", "k", "2")
                break
            except EndorseError as error:
                assert "could not launch" in error.details[0].message
        assert contract.evaluate_transaction("Get", "k") == b"2"


def failure(action: object) -> GatewayError:
    assert callable(action)
    with pytest.raises(GatewayError) as raised:
        action()
    return raised.value


def test_a_foreign_chaincode_is_not_accepted(own: DevnetProcess) -> None:
    own.define(package_id="asset_2.0:" + "1" * 64)
    with own.gateway() as gateway:
        error = failure(lambda: contract_of(gateway).evaluate_transaction("Get", "k"))
    assert error.code == "ABORTED"
    assert "registered as" in error.details[0].message


def test_many_event_streams_starve_no_call(gateway: Gateway, contract: Contract) -> None:
    network = gateway.get_network("mychannel")
    streams = [network.chaincode_events("asset", start_block=0) for _ in range(150)]
    try:
        contract.submit_transaction("PutAndEmit", "k", "1", "Shared", "p")
        for stream in streams:
            assert next(iter(stream)).name == "Shared"
        assert contract.evaluate_transaction("Get", "k") == b"1"
    finally:
        for stream in streams:
            stream.close()


def test_parallel_transactions_of_several_clients(shared: DevnetProcess, contract: Contract) -> None:
    def submit(number: int) -> None:
        contract.submit_transaction("Put", f"p{number}", str(number))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(submit, range(40)))
    with shared.gateway("VerifierC") as gateway:
        other = contract_of(gateway)
        assert [other.evaluate_transaction("Get", f"p{n}") for n in range(40)] == [str(n).encode() for n in range(40)]


def test_conflicting_transactions(contract: Contract) -> None:
    transactions = [contract.new_proposal("Append", arguments=["conflict", text]).endorse() for text in "ab"]
    commits = [transaction.submit() for transaction in transactions]
    assert [commit.status().code for commit in commits] == ["VALID", "MVCC_READ_CONFLICT"]
    with pytest.raises(CommitError, match="MVCC_READ_CONFLICT"):
        commits[1].status().require_valid()
    assert contract.evaluate_transaction("Get", "conflict") == b"a"


def test_a_large_value_passes(contract: Contract) -> None:
    value = os.urandom(4 << 20)
    contract.submit("PutTransient", arguments=["large", "v"], transient={"v": value})
    assert contract.evaluate_transaction("Get", "large") == value


def test_a_second_devnet_of_the_folder_is_refused(shared: DevnetProcess) -> None:
    command = [sys.executable, "-m", "medquorum.network.devnet", "--dir", str(shared.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 20
    assert "another devnet runs in" in done.stderr
