# SPDX-License-Identifier: Apache-2.0
"""The founder's block and the running configuration, with Fabric's own tools: nothing that governs goes unseen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2, configtx_pb2

from medquorum.errors import CheckFailed, ConfigError
from medquorum.network.consortium.consortium import Consortium, sample
from medquorum.network.consortium.membership import new_hospital, with_hospital, without_hospital
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric.channel_config import applied, config_of, generated, make_change
from medquorum.network.fabric.client import AdminClient
from medquorum.network.fabric.configtx import make_genesis
from medquorum.network.fabric.genesis_check import check_genesis
from medquorum.network.identity.crypto import generate
from medquorum_testing.network.networks import need_fabric

pytestmark = pytest.mark.fabric


@pytest.fixture
def client(tmp_path: Path) -> AdminClient:
    found = need_fabric()
    consortium, folder = sample("small", hospitals=1), NetworkFolder(tmp_path)
    generate(consortium, folder)
    make_genesis(consortium, folder, found)
    return AdminClient(consortium, folder, found)


def ships(client: AdminClient, alter: Callable[[configtx_pb2.ConfigGroup], None]) -> None:
    """Change the founder's block."""
    path = client.folder.block("mychannel")
    block = common_pb2.Block.FromString(path.read_bytes())
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    payload = common_pb2.Payload.FromString(envelope.payload)
    content = configtx_pb2.ConfigEnvelope.FromString(payload.data)
    alter(content.config.channel_group)
    payload.data = content.SerializeToString()
    envelope.payload = payload.SerializeToString()
    block.data.data[0] = envelope.SerializeToString()
    path.write_bytes(block.SerializeToString())


def application(group: configtx_pb2.ConfigGroup) -> None:
    group.groups["Application"].mod_policy = "Writers"


def orderer(group: configtx_pb2.ConfigGroup) -> None:
    group.groups["Orderer"].mod_policy = "Writers"


def channel(group: configtx_pb2.ConfigGroup) -> None:
    group.mod_policy = "Writers"


def policy(group: configtx_pb2.ConfigGroup) -> None:
    group.groups["Application"].policies["Admins"].mod_policy = "Writers"


def value(group: configtx_pb2.ConfigGroup) -> None:
    group.groups["Orderer"].values["BatchSize"].mod_policy = "/Channel/Application/Writers"


def member(group: configtx_pb2.ConfigGroup) -> None:
    group.groups["Application"].groups["Hospital1"].mod_policy = "/Channel/Application/Writers"


ALTERED = {
    "Application/mod_policy": application,
    "Orderer/mod_policy": orderer,
    "in mod_policy": channel,
    "Application/policies": policy,
    "Orderer/values": value,
    "Application/Hospital1": member,
}


@pytest.mark.parametrize("where", ALTERED)
def test_who_may_change_what_is_compared(client: AdminClient, where: str) -> None:
    assert check_genesis(client) == []
    ships(client, ALTERED[where])
    with pytest.raises(CheckFailed, match=where):
        check_genesis(client)


def test_a_file_that_is_no_block_is_said_to_be_none(client: AdminClient) -> None:
    for text in (b"", b"nonsense"):
        client.folder.block("mychannel").write_bytes(text)
        with pytest.raises(ConfigError, match="is no configuration block"):
            check_genesis(client)
    client.folder.block("mychannel").unlink()
    with pytest.raises(ConfigError, match="no genesis block"):
        check_genesis(client)


def test_a_later_change_sets_the_applications_rules_back_and_sees_the_others(client: AdminClient) -> None:
    running = config_of(client.folder.block("mychannel").read_bytes())
    assert make_change(client, running) is None
    for alter in (application, policy):
        loosened = copy(running)
        alter(loosened.channel_group)
        change = make_change(client, loosened)
        assert change is not None
        wanted = change.content.write_set.groups["Application"]
        assert "Admins" in (wanted.mod_policy, wanted.policies["Admins"].mod_policy)
    for name, alter in (("Orderer/mod_policy", orderer), ("Orderer/BatchSize/mod_policy", value), ("mod_pol", channel)):
        loosened = copy(running)
        alter(loosened.channel_group)
        with pytest.raises(CheckFailed, match=f"by others than it should: {name}"):
            make_change(client, loosened)


def copy(config: configtx_pb2.Config) -> configtx_pb2.Config:
    return configtx_pb2.Config.FromString(config.SerializeToString())


def grown(client: AdminClient) -> Consortium:
    """Return the consortium with a hospital more, whose keys are in the folder."""
    consortium = with_hospital(client.consortium, new_hospital(client.consortium, "Hospital2"))
    generate(consortium, client.folder)
    return consortium


def test_a_newcomer_checks_the_block_without_itself(client: AdminClient) -> None:
    later = replace(client, consortium=grown(client))
    assert check_genesis(later) == ["Hospital2"]
    newcomer = later.consortium.organisation("Hospital2")
    keys = client.folder.key(newcomer, "Admin")
    keys.rename(keys.with_name("away"))
    with pytest.raises(CheckFailed, match="Application/Hospital2"):
        check_genesis(later)  # a founder's host knows of Hospital2: the block lacks a member
    keys.with_name("away").rename(keys)
    ships(client, application)
    with pytest.raises(CheckFailed, match="Application/mod_policy"):
        check_genesis(later)


def test_a_change_is_seen_to_hold(client: AdminClient) -> None:
    running = config_of(client.folder.block("mychannel").read_bytes())
    later = replace(client, consortium=grown(client))
    change = make_change(later, running)
    assert change is not None and not applied(change, running)
    follows = with_versions(running, generated(later), change.content)
    assert applied(change, follows)
    assert make_change(later, follows) is None
    back = make_change(replace(later, consortium=without_hospital(later.consortium, "Hospital2")), follows)
    assert back is not None and not applied(back, follows)
    loosened = copy(follows)
    application(loosened.channel_group)
    assert not applied(change, loosened), "superseded"


def with_versions(
    running: configtx_pb2.Config, made: configtx_pb2.Config, update: configtx_pb2.ConfigUpdate
) -> configtx_pb2.Config:
    """Return what the orderers make of an update of members and policies: what changed has the update's version."""
    result = copy(running)
    section = result.channel_group.groups["Application"]
    section.CopyFrom(made.channel_group.groups["Application"])
    written = update.write_set.groups["Application"]
    section.version = written.version
    for name in section.policies:
        section.policies[name].version = written.policies[name].version
    return result
