# SPDX-License-Identifier: Apache-2.0
"""The founder's genesis block, held against an organisation's own consortium file and collected bundles."""

from __future__ import annotations

from dataclasses import replace

from fabric_protos.common import configtx_pb2
from google.protobuf.message import DecodeError

from medquorum.errors import CheckFailed, ConfigError
from medquorum.network.fabric.channel_config import config_of, generated, members_of
from medquorum.network.fabric.client import AdminClient
from medquorum.network.identity import msp_folder

__all__ = ["check_genesis", "differences"]

MEMBERS_DEPTH = 2  # Application/Hospital1: compared as a whole


def check_genesis(client: AdminClient) -> list[str]:
    """Check that the genesis block is what the consortium's file and the public files here make it.

    A hospital that joins a running channel is in its file, not in the block. In its folder the block is held against
    the file without the hospitals that the block lacks; return their names.

    Raises
    ------
    ConfigError
        When there is no block, or the file holds none.
    CheckFailed
        Naming where it is another one.
    """
    consortium, folder = client.consortium, client.folder
    block = folder.block(consortium.channel.name)
    if not block.exists():
        raise ConfigError(f"no genesis block {block}", "Copy the founder's, who makes it with `channel genesis`")
    try:
        given = config_of(block.read_bytes())
    except (DecodeError, IndexError) as error:
        raise ConfigError(f"{block} is no configuration block", "Copy the founder's again") from error
    founders = members_of(given)
    later = [
        organisation
        for organisation in consortium.organisations
        if organisation.name not in founders and organisation.roles == ["hospital"]
    ]
    if not any(msp_folder.is_own(folder, hospital) for hospital in later):
        later = []
    rest = [organisation for organisation in consortium.organisations if organisation not in later]
    made = generated(replace(client, consortium=consortium.model_copy(update={"organisations": rest})))
    differing = differences(given.channel_group, made.channel_group)
    if differing:
        raise CheckFailed(
            f"{block} is another channel's in {', '.join(differing)}",
            "Do not join with it: compare consortium.toml and the bundles' fingerprints with the founder; where "
            "members have come or gone since, join with consortium.toml and the bundles as they were at the founding",
        )
    return [hospital.name for hospital in later]


def differences(
    given: configtx_pb2.ConfigGroup, own: configtx_pb2.ConfigGroup, inside: str = "", depth: int = MEMBERS_DEPTH
) -> list[str]:
    """List the parts in which a configuration differs from one's own, as paths such as ``Application/mod_policy``."""
    paths = []
    for name in sorted({*given.groups, *own.groups}):
        if name not in given.groups or name not in own.groups:
            paths.append(f"{inside}{name}")
        elif depth > 1:
            paths += differences(given.groups[name], own.groups[name], f"{inside}{name}/", depth - 1)
        elif given.groups[name] != own.groups[name]:
            paths.append(f"{inside}{name}")
    parts = ("values", "policies", "mod_policy", "version")
    paths += [f"{inside}{part}" for part in parts if getattr(given, part) != getattr(own, part)]
    return paths or ([f"{inside}unknown fields"] if given != own else [])
