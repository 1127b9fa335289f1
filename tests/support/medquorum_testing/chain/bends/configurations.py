# SPDX-License-Identifier: Apache-2.0
"""Changes of the configurations in a chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader
from fabric_protos.common.configtx_pb2 import ConfigEnvelope
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.msp.msp_config_pb2 import FabricMSPConfig, MSPConfig

from medquorum_testing.chain.bends.bend import Chain

__all__ = ["change_configurations", "change_msp"]


def change_configurations(chain: Chain, changed: Callable[[Any], object]) -> None:
    """Change every configuration alike; the caller does not know block 0 beforehand."""
    chain.genesis = None
    for block in chain.blocks:
        envelope = Envelope.FromString(block.data.data[0])
        payload = Payload.FromString(envelope.payload)
        if ChannelHeader.FromString(payload.header.channel_header).type != HeaderType.CONFIG:
            continue
        config = ConfigEnvelope.FromString(payload.data)
        changed(config.config.channel_group)
        payload.data = config.SerializeToString(deterministic=True)
        envelope.payload = payload.SerializeToString()
        creator = SignatureHeader.FromString(payload.header.signature_header).creator
        for one in chain.keys.orderers if block.header.number else ():
            if SerializedIdentity.FromString(creator).mspid == one.msp_id:
                envelope.signature = one.sign(envelope.payload)
        block.data.data[0] = envelope.SerializeToString()


def change_msp(group: Any, msp: str, changed: Callable[[Any], object]) -> None:
    for one in group.groups["Application"].groups.values():
        value = MSPConfig.FromString(one.values["MSP"].value)
        config = FabricMSPConfig.FromString(value.config)
        if config.name == msp:
            changed(config)
            value.config = config.SerializeToString()
            one.values["MSP"].value = value.SerializeToString()
