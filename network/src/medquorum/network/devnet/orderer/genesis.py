# SPDX-License-Identifier: Apache-2.0
"""The first block's configuration: which organisations there are and by which certificates they are known."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, HeaderType, Payload
from fabric_protos.common.configtx_pb2 import Config, ConfigEnvelope, ConfigGroup, ConfigValue
from fabric_protos.msp.msp_config_pb2 import FabricMSPConfig, FabricNodeOUs, FabricOUIdentifier, MSPConfig

from medquorum.network.identity.msp import Msp

__all__ = ["genesis_envelope"]

ROLES = ("client", "peer", "admin", "orderer")


def genesis_envelope(channel_id: str, application: Iterable[Msp], orderers: Iterable[Msp]) -> bytes:
    """Make a serialized CONFIG envelope with each organisation's MSP, in Fabric's group names."""
    group = ConfigGroup()
    for name, msps in (("Application", application), ("Orderer", orderers)):
        for msp in msps:
            value = ConfigValue(value=_msp(msp), mod_policy="Admins")
            group.groups[name].groups[msp.msp_id].values["MSP"].CopyFrom(value)
    config = ConfigEnvelope(config=Config(sequence=0, channel_group=group))
    header = ChannelHeader(type=HeaderType.CONFIG, channel_id=channel_id)
    payload = Payload(
        header=Header(channel_header=header.SerializeToString()), data=config.SerializeToString(deterministic=True)
    )
    return bytes(Envelope(payload=payload.SerializeToString()).SerializeToString())


def _msp(msp: Msp) -> bytes:
    roots = [authority.public_bytes(Encoding.PEM) for authority in msp.authorities]
    units = {
        f"{role}_ou_identifier": FabricOUIdentifier(certificate=roots[0], organizational_unit_identifier=role)
        for role in ROLES
    }
    config = FabricMSPConfig(
        name=msp.msp_id,
        root_certs=roots,
        tls_root_certs=msp.tls_roots,
        fabric_node_ous=FabricNodeOUs(enable=True, **units),
    )
    return bytes(MSPConfig(type=0, config=config.SerializeToString()).SerializeToString())
