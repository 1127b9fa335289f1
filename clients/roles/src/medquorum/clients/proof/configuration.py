# SPDX-License-Identifier: Apache-2.0
"""The channel's configuration, read from its blocks: which organisations there are, and who orders blocks how."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fabric_protos.common.common_pb2 import HeaderType
from fabric_protos.common.configtx_pb2 import ConfigEnvelope
from fabric_protos.common.configuration_pb2 import Orderers
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.orderer.configuration_pb2 import ConsensusType

from medquorum.clients.proof.envelope import REMEDY, Entry, read_message
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.clients.proof.identities.identity import Identity, read_identity
from medquorum.clients.proof.identities.msp import Msp, check_begun, read_msp
from medquorum.errors import CheckFailed

__all__ = ["BFT", "Configuration", "is_configuration", "read_configuration", "time_of"]

BFT, RAFT = "BFT", "etcdraft"
"""Names of the ordering services whose signatures are known."""


@dataclass(frozen=True)
class Configuration:
    """What a configuration block sets for the blocks after it; ``consenters`` are serialized identities by id."""

    channel: str
    block: int
    sequence: int
    consensus: str
    consenters: Mapping[int, bytes] = field(repr=False)
    orderers: Mapping[str, Msp] = field(repr=False)
    members: Mapping[str, Msp] = field(repr=False)

    def identify(
        self, serialized: bytes, roles: tuple[str, ...], authorities: Authorities, moment: datetime, what: str
    ) -> Identity:
        """Return who an identity is: of a member of the channel, or of an orderer's organisation for that role.

        The organisation's MSP in the configuration has to know it, and where the caller's own folder has the
        organisation too, the authorities in there.

        Raises
        ------
        CheckFailed
            It is nobody's, its certificate does not hold at the moment, or it has another role; ``what`` names what
            it signed.
        """
        identity = read_identity(serialized)
        msp = (self.orderers if "orderer" in roles else self.members).get(identity.msp_id)
        if msp is None:
            raise CheckFailed(
                f"{what} is signed by {identity}, an organisation that the channel's configuration does not have there "
                "with NodeOUs and an MSP that can be read",
                REMEDY,
                check="signature",
            )
        role = msp.role_of(identity, moment)
        if "orderer" not in roles:  # a block states no time, and the moment before it is no bound above
            check_begun(identity, moment)
        if identity.msp_id in authorities:
            authorities.check(identity, moment)
        if role not in roles:
            raise CheckFailed(
                f"{what} is signed by {identity}, whose role is {role}, not {' or '.join(roles)}",
                REMEDY,
                check="signature",
            )
        return identity


def is_configuration(entry: Entry) -> bool:
    """Return whether an entry sets the channel's configuration."""
    return bool(entry.channel_header.type == HeaderType.CONFIG)


def read_configuration(entry: Entry, number: int) -> Configuration:
    """Return the configuration that a block's only entry sets.

    Raises
    ------
    CheckFailed
        It sets none, or a part cannot be read.
    """
    what = f"the configuration in block {number}"
    if not is_configuration(entry):
        raise CheckFailed(f"{what} is missing", REMEDY, check="block")
    config = read_message(ConfigEnvelope, entry.data, what).config
    groups = config.channel_group.groups
    consensus = _value(ConsensusType, groups["Orderer"], "ConsensusType", what).type
    if consensus not in (BFT, RAFT):
        raise CheckFailed(
            f"{what} has blocks ordered by {consensus or 'nobody'}", f"Known are {RAFT} and {BFT}", check="block"
        )
    mapping = _value(Orderers, groups["Orderer"], "Orderers", what).consenter_mapping if consensus == BFT else ()
    consenters = {
        consenter.id: bytes(SerializedIdentity(mspid=consenter.msp_id, id_bytes=consenter.identity).SerializeToString())
        for consenter in mapping
    }
    if len(consenters) != len(mapping):
        raise CheckFailed(f"{what} gives two orderers one id", REMEDY, check="block")
    return Configuration(
        entry.channel_header.channel_id,
        number,
        config.sequence,
        consensus,
        consenters,
        _msps(groups["Orderer"], what),
        _msps(groups["Application"], what),
    )


def time_of(entry: Entry) -> datetime:
    """Return the time that an entry's author stated; before all others where it is none."""
    try:
        return datetime.fromtimestamp(entry.channel_header.timestamp.seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _msps(group: Any, what: str) -> dict[str, Msp]:
    """Return the MSPs by id; what can't be read is left out, for each is its own administrator's alone to change."""
    msps: dict[str, Msp] = {}
    for name, organisation in group.groups.items():
        with suppress(CheckFailed):
            msp = read_msp(organisation.values["MSP"].value, f"{what}, organisation {name!r},")
            msps[msp.msp_id] = msp
    return msps


def _value(kind: Any, group: Any, name: str, what: str) -> Any:
    return read_message(kind, group.values[name].value, f"{what}, {name},")
