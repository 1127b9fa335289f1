# SPDX-License-Identifier: Apache-2.0
"""Real Fabric: no chaincode definition and no configuration falls to the hospitals alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2, configtx_pb2, policies_pb2

from medquorum.errors import NetworkError
from medquorum.network.consortium import policies
from medquorum.network.consortium.consortium import AnyOrganisation, Organisation
from medquorum.network.deployment.chaincodes import Deployment, deployments
from medquorum.network.fabric.client import AdminClient
from medquorum.network.fabric.lifecycle import Lifecycle
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.network.networks import ASSET_CHAINCODE, Networks, RunningNetwork

pytestmark = pytest.mark.fabric


@pytest.fixture(scope="module")
def running(networks: Networks) -> Iterator[RunningNetwork]:
    started = networks.start("fabric")
    started.deploy("asset", ASSET_CHAINCODE)
    yield started
    started.network.down(purge=True)


def hospitals(running: RunningNetwork) -> list[Organisation]:
    return list(running.consortium.having("hospital"))


def verifiers(running: RunningNetwork) -> list[Organisation]:
    return list(running.consortium.having("verifier"))


def proposed(running: RunningNetwork, approving: list[Organisation]) -> Lifecycle:
    """Approve a definition under which the hospitals alone could endorse."""
    current = deployments(running.folder)["asset"]
    lifecycle = Lifecycle(running.network.client, current)
    sequence = lifecycle.committed_sequence(verifiers(running)[0]) + 1
    hostile: Deployment = replace(current, sequence=sequence, policy=policies.any_of(hospitals(running), "peer"))
    lifecycle = Lifecycle(running.network.client, hostile)
    for one in approving:
        lifecycle.approve(one)
    for one in approving:  # their peers endorse the commit, each over the approvals it has
        await_true(lambda at=one: _all_in(lifecycle, at, approving), 20, f"{one.name}'s peer lacks an approval")
    return lifecycle


def _all_in(lifecycle: Lifecycle, at: Organisation, approving: list[Organisation]) -> bool:
    approvals = lifecycle.approvals(at)
    return all(approvals[one.msp_id] for one in approving)


@pytest.mark.parametrize("who", ["all hospitals", "all verifiers", "one verifier and all hospitals"])
def test_a_chaincode_definition_needs_verifiers_and_hospitals(running: RunningNetwork, who: str) -> None:
    signing = {
        "all hospitals": hospitals(running),
        "all verifiers": verifiers(running),
        "one verifier and all hospitals": [verifiers(running)[0], *hospitals(running)],
    }[who]
    lifecycle = proposed(running, signing)
    with pytest.raises(NetworkError, match="ENDORSEMENT_POLICY_FAILURE"):
        lifecycle.commit(signing[0], signing)
    assert lifecycle.committed_sequence(verifiers(running)[0]) == lifecycle.deployment.sequence - 1


def test_k_verifiers_and_a_third_of_the_hospitals_can_commit_one(running: RunningNetwork) -> None:
    signing = [*verifiers(running)[:2], hospitals(running)[0]]
    lifecycle = proposed(running, signing)
    lifecycle.commit(signing[0], signing)
    assert lifecycle.committed_sequence(signing[0]) == lifecycle.deployment.sequence


def update(
    client: AdminClient, scratch: Path, group: str, signing: list[AnyOrganisation], sender: Organisation
) -> None:
    """Weaken a policy of a group of the channel's configuration, signed by those administrators."""
    channel = client.consortium.channel.name
    block_file = scratch / "config.block"
    client.peer(sender, "channel", "fetch", "config", str(block_file), "-c", channel, *client.orderer_flags)
    block = common_pb2.Block.FromString(block_file.read_bytes())
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    config = configtx_pb2.ConfigEnvelope.FromString(common_pb2.Payload.FromString(envelope.payload).data).config
    (scratch / "old.pb").write_bytes(config.SerializeToString())
    target = config.channel_group if group == "Channel" else config.channel_group.groups[group]
    weak = policies_pb2.ImplicitMetaPolicy(sub_policy="Readers", rule=policies_pb2.ImplicitMetaPolicy.ANY)
    target.policies["Admins"].policy.CopyFrom(policies_pb2.Policy(type=3, value=weak.SerializeToString()))
    (scratch / "new.pb").write_bytes(config.SerializeToString())
    files = ["--original", str(scratch / "old.pb"), "--updated", str(scratch / "new.pb")]
    difference = scratch / "difference.pb"
    client.binaries.run("configtxlator", "compute_update", "--channel_id", channel, *files, "--output", str(difference))
    change = configtx_pb2.ConfigUpdateEnvelope(config_update=difference.read_bytes())
    header = common_pb2.ChannelHeader(channel_id=channel, type=common_pb2.CONFIG_UPDATE)
    payload = common_pb2.Payload(
        header=common_pb2.Header(channel_header=header.SerializeToString()), data=change.SerializeToString()
    )
    path = scratch / "update.pb"
    path.write_bytes(common_pb2.Envelope(payload=payload.SerializeToString()).SerializeToString())
    for one in signing:
        sign(client, one, sender, path)
    client.peer(sender, "channel", "update", "-f", str(path), "-c", channel, *client.orderer_flags)


def sign(client: AdminClient, one: AnyOrganisation, sender: Organisation, path: Path) -> None:
    env = {
        "FABRIC_CFG_PATH": str(client.folder.config / sender.node),
        "CORE_PEER_LOCALMSPID": one.msp_id,
        "CORE_PEER_MSPCONFIGPATH": str(client.folder.user(one, "Admin") / "msp"),
    }
    client.binaries.run("peer", "channel", "signconfigtx", "-f", str(path), env=env)


@pytest.mark.parametrize("group", ["Application", "Orderer", "Channel"])
def test_all_hospitals_cannot_change_the_configuration(running: RunningNetwork, tmp_path: Path, group: str) -> None:
    with pytest.raises(NetworkError, match=r"policy for \[Policy\].*Admins not satisfied|not satisfied"):
        update(running.network.client, tmp_path, group, [*hospitals(running)], hospitals(running)[0])


@pytest.mark.parametrize("group", ["Orderer", "Channel"])
def test_all_peer_organisations_cannot_change_what_the_orderers_own(
    running: RunningNetwork, tmp_path: Path, group: str
) -> None:
    signing = [*verifiers(running), *hospitals(running)]
    with pytest.raises(NetworkError, match="not satisfied"):
        update(running.network.client, tmp_path, group, [*signing], verifiers(running)[0])


def test_k_verifiers_and_a_third_of_the_hospitals_can_change_the_application(
    running: RunningNetwork, tmp_path: Path
) -> None:
    signing = [*verifiers(running)[:2], hospitals(running)[0]]
    update(running.network.client, tmp_path, "Application", [*signing], signing[0])
