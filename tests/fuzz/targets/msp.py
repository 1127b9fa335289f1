# SPDX-License-Identifier: Apache-2.0
"""An organisation's MSP in a channel's configuration: authorities, units, revocations."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.common.common_pb2 import Envelope, Payload
from fabric_protos.common.configtx_pb2 import ConfigEnvelope
from fabric_protos.msp.msp_config_pb2 import FabricMSPConfig, MSPConfig

from medquorum.clients.proof.identities.msp import read_msp
from medquorum_testing.chain.memory_chain import MemoryChain

CHAIN = MemoryChain()
PAYLOAD = Payload.FromString(Envelope.FromString(CHAIN.blocks[0].data.data[0]).payload)
GROUP = ConfigEnvelope.FromString(PAYLOAD.data).config.channel_group.groups["Application"]
WHOLE = GROUP.groups["VerifierAMSP"].values["MSP"].value


def _with_revocations(value: bytes) -> bytes:
    whole, authority = MSPConfig.FromString(value), CHAIN.members["VerifierAMSP"].authority
    config = FabricMSPConfig.FromString(whole.config)
    made = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject)
    made = made.last_update(authority.validity.begin).next_update(authority.validity.end)
    for encoding in (Encoding.PEM, Encoding.DER):
        config.revocation_list.append(made.sign(authority.key, hashes.SHA256()).public_bytes(encoding))
    whole.config = config.SerializeToString()
    return bytes(whole.SerializeToString())


SEEDS = [WHOLE, _with_revocations(WHOLE)]


def run(data: bytes) -> None:
    read_msp(data, "it")
