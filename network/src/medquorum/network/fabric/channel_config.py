# SPDX-License-Identifier: Apache-2.0
"""The running channel's configuration: read it, and make it what ``consortium.toml`` says, as a file to be signed.

A change is an unsigned ``CONFIG_UPDATE`` envelope (Fabric's common/configtx.proto), the form that ``peer channel
signconfigtx`` and ``peer channel update`` take. Only the application's members, its policies and who may change them
are touched; the orderers' part stays. What an organisation set itself (a CRL, anchor peers) stays too.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from fabric_protos.common import common_pb2, configtx_pb2

from medquorum.errors import CheckFailed, NetworkError
from medquorum.network.consortium.consortium import Organisation
from medquorum.network.fabric.client import AdminClient
from medquorum.network.fabric.configtx import write_block

__all__ = [
    "APPLICATION",
    "ORDERER",
    "Change",
    "applied",
    "config_of",
    "fetch",
    "generated",
    "make_change",
    "members_of",
]

APPLICATION = "Application"
ORDERER = "Orderer"


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
        """Return the file's bytes."""
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
    return config_of(client.fetch_block(asked, "config"))


def config_of(block: bytes) -> configtx_pb2.Config:
    """Read the configuration in a configuration block (a serialised common.Block)."""
    envelope = common_pb2.Envelope.FromString(common_pb2.Block.FromString(block).data.data[0])
    return configtx_pb2.ConfigEnvelope.FromString(common_pb2.Payload.FromString(envelope.payload).data).config


def members_of(config: configtx_pb2.Config) -> list[str]:
    """List the names of the channel's members, sorted."""
    return sorted(config.channel_group.groups[APPLICATION].groups)


def make_change(client: AdminClient, running: configtx_pb2.Config) -> Change | None:
    """Return the change that makes the running channel what the consortium's file and public files say; None if it is.

    Raises
    ------
    NetworkError
        When ``configtxlator``, part of Fabric's release, is missing or fails.
    CheckFailed
        When others than the administrators may change what the orderers own; a member's change cannot mend that.
    """
    own = generated(client)
    _check_rules(running.channel_group, own.channel_group)
    wanted = _wanted(running, own)
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


def applied(change: Change, running: configtx_pb2.Config) -> bool:
    """Return whether the running channel has become what a change makes it."""
    content = change.content
    return _reached(content.read_set, content.write_set, running.channel_group)


def _reached(read: configtx_pb2.ConfigGroup, write: configtx_pb2.ConfigGroup, now: configtx_pb2.ConfigGroup) -> bool:
    """Compare what the change sets anew: in Fabric that is what has another version than was read, or was not read."""
    kinds = ("groups", "policies", "values")
    if write.version != read.version and (
        now.version < write.version
        or now.mod_policy != write.mod_policy
        or any(set(getattr(now, kind)) != set(getattr(write, kind)) for kind in kinds)
    ):
        return False
    for kind in kinds[1:]:
        old, new, there = (getattr(group, kind) for group in (read, write, now))
        changed = [name for name in new if name not in old or new[name].version != old[name].version]
        if any(name not in there or there[name] != new[name] for name in changed):
            return False
    return all(
        name in now.groups
        and (_reached(read.groups[name], group, now.groups[name]) if name in read.groups else now.groups[name] == group)
        for name, group in write.groups.items()
    )


def generated(client: AdminClient) -> configtx_pb2.Config:
    """Make the configuration that a channel founded today would have."""
    with tempfile.TemporaryDirectory() as scratch:
        block = Path(scratch, "block")
        write_block(client.consortium, client.folder, client.binaries, Path(scratch), block)
        return config_of(block.read_bytes())


def _wanted(running: configtx_pb2.Config, own: configtx_pb2.Config) -> configtx_pb2.Config:
    wanted = configtx_pb2.Config()
    wanted.CopyFrom(running)
    ours, theirs = (config.channel_group.groups[APPLICATION] for config in (wanted, own))
    for name in set(ours.groups) - set(theirs.groups):
        del ours.groups[name]
    for name in set(theirs.groups) - set(ours.groups):
        ours.groups[name].CopyFrom(theirs.groups[name])
    ours.mod_policy = theirs.mod_policy
    for name, policy in theirs.policies.items():
        ours.policies[name].policy.CopyFrom(policy.policy)
        ours.policies[name].mod_policy = policy.mod_policy
    for name in set(ours.values) & set(theirs.values):
        ours.values[name].mod_policy = theirs.values[name].mod_policy
    return wanted


def _check_rules(running: configtx_pb2.ConfigGroup, own: configtx_pb2.ConfigGroup) -> None:
    """Check who may change the channel's own part and the orderers': everything but the application's part."""
    differing = []
    for inside, group, other in (("", running, own), (f"{ORDERER}/", running.groups[ORDERER], own.groups[ORDERER])):
        differing += [f"{inside}mod_policy"] * (group.mod_policy != other.mod_policy)
        for kind in ("policies", "values"):
            elements, wanted = getattr(group, kind), getattr(other, kind)
            loose = [
                name for name in elements if name in wanted and elements[name].mod_policy != wanted[name].mod_policy
            ]
            differing += [f"{inside}{name}/mod_policy" for name in sorted(loose)]
    if differing:
        remedy = "Have the orderers' administrators set it back, or found the channel anew"
        raise CheckFailed(
            f"the running channel may be changed by others than it should: {', '.join(differing)}", remedy
        )
