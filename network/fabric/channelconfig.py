# SPDX-License-Identifier: Apache-2.0
"""The running channel's configuration: read it, and make it what ``consortium.toml`` says, as a file to be signed.

A change is an unsigned ``CONFIG_UPDATE`` envelope (Fabric's common/configtx.proto), the form that ``peer channel
signconfigtx`` and ``peer channel update`` take. Only the application's members and its policies change; the orderers'
part stays. What an organisation set itself (a CRL, anchor peers) stays too.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from fabric_protos.common import common_pb2, configtx_pb2

from medquorum import NetworkError
from network.consortium import Consortium, Organisation
from network.fabric.client import AdminClient
from network.fabric.configtx import write_block
from network.paths import NetworkFolder

__all__ = ["APPLICATION", "Change", "config_of", "differences", "fetch", "make_change", "members_of"]

APPLICATION = "Application"
POLICIES = ("Admins", "Endorsement", "LifecycleEndorsement")


@dataclass(frozen=True)
class Change:
    """A configuration update with its signatures so far."""

    update: bytes  # serialized common.ConfigUpdate: what is signed
    signatures: tuple[configtx_pb2.ConfigSignature, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Change:
        """Read the envelope in a file; raises ``ValueError`` (protobuf's ``DecodeError``) when it is none."""
        envelope = common_pb2.Envelope.FromString(path.read_bytes())
        data = common_pb2.Payload.FromString(envelope.payload).data
        change = configtx_pb2.ConfigUpdateEnvelope.FromString(data)
        return cls(change.config_update, tuple(change.signatures))

    def envelope(self) -> bytes:
        """Give the file's bytes."""
        channel = self.content.channel_id
        data = configtx_pb2.ConfigUpdateEnvelope(config_update=self.update, signatures=self.signatures)
        header = common_pb2.ChannelHeader(channel_id=channel, type=common_pb2.CONFIG_UPDATE)
        payload = common_pb2.Payload(
            header=common_pb2.Header(channel_header=header.SerializeToString()), data=data.SerializeToString()
        )
        envelope: bytes = common_pb2.Envelope(payload=payload.SerializeToString()).SerializeToString()
        return envelope

    @property
    def content(self) -> configtx_pb2.ConfigUpdate:
        """What would change."""
        return configtx_pb2.ConfigUpdate.FromString(self.update)


def fetch(client: AdminClient, asked: Organisation) -> configtx_pb2.Config:
    """Fetch the channel's newest configuration from an orderer, as an organisation's administrator."""
    channel = client.consortium.channel.name
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "config.block")
        client.peer(asked, "channel", "fetch", "config", str(path), "-c", channel, *client.orderer_flags)
        return config_of(path)


def config_of(path: Path) -> configtx_pb2.Config:
    """Read the configuration in a configuration block's file."""
    block = common_pb2.Block.FromString(path.read_bytes())
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    return configtx_pb2.ConfigEnvelope.FromString(common_pb2.Payload.FromString(envelope.payload).data).config


def members_of(config: configtx_pb2.Config) -> list[str]:
    """List the names of the channel's members, sorted."""
    return sorted(config.channel_group.groups[APPLICATION].groups)


def make_change(client: AdminClient, running: configtx_pb2.Config) -> Change | None:
    """Give the change that makes the running channel what the consortium's file and public files say; None if it is.

    Raises
    ------
    NetworkError
        When ``configtxlator``, part of Fabric's release, is missing or fails.
    """
    wanted = _wanted(running, _generated(client.consortium, client.folder, client))
    if wanted == running:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        old, new, out = (Path(scratch, name) for name in ("old.pb", "new.pb", "update.pb"))
        old.write_bytes(running.SerializeToString())
        new.write_bytes(wanted.SerializeToString())
        flags = ["--channel_id", client.consortium.channel.name, "--original", str(old), "--updated", str(new)]
        try:
            client.binaries.run("configtxlator", "compute_update", *flags, "--output", str(out))
        except NetworkError as error:
            if "no differences detected" in error.cause:
                return None
            raise
        return Change(out.read_bytes())


def differences(client: AdminClient, block: Path) -> list[str]:
    """List what a genesis block says otherwise than the consortium's file and the public files here would make it."""
    given, own = config_of(block).channel_group, _generated(client.consortium, client.folder, client).channel_group
    found = []
    for name in sorted({*given.groups, *own.groups}):
        one, other = given.groups[name], own.groups[name]
        members = sorted({*one.groups, *other.groups})
        found += [f"{name}/{member}" for member in members if one.groups[member] != other.groups[member]]
        found += [f"{name}/{part}" for part in ("values", "policies") if getattr(one, part) != getattr(other, part)]
    found += [part for part in ("values", "policies") if getattr(given, part) != getattr(own, part)]
    return found


def _generated(consortium: Consortium, folder: NetworkFolder, client: AdminClient) -> configtx_pb2.Config:
    """Make the configuration that a channel founded today would have."""
    with tempfile.TemporaryDirectory() as scratch:
        block = Path(scratch, "block")
        write_block(consortium, folder, client.binaries, Path(scratch), block)
        return config_of(block)


def _wanted(running: configtx_pb2.Config, generated: configtx_pb2.Config) -> configtx_pb2.Config:
    wanted = configtx_pb2.Config()
    wanted.CopyFrom(running)
    ours, theirs = (one.channel_group.groups[APPLICATION] for one in (wanted, generated))
    for name in set(ours.groups) - set(theirs.groups):
        del ours.groups[name]
    for name in set(theirs.groups) - set(ours.groups):
        ours.groups[name].CopyFrom(theirs.groups[name])
    for name in POLICIES:
        ours.policies[name].policy.CopyFrom(theirs.policies[name].policy)
    return wanted
