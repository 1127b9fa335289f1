# SPDX-License-Identifier: Apache-2.0
"""Signatures on a configuration change: genuine for Fabric's form, brought together, counted against the policy."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_pem_x509_certificate
from fabric_protos.common import common_pb2, configtx_pb2, policies_pb2
from fabric_protos.msp import identities_pb2, msp_config_pb2, msp_principal_pb2

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import Consortium, sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric import config_update, signing
from medquorum.network.fabric.channel_config import Change
from medquorum.network.identity.crypto import generate
from medquorum.network.identity.msp import Signer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, NetworkFolder]:
    folder, consortium = NetworkFolder(tmp_path_factory.mktemp("signing")), sample("small", hospitals=2)
    generate(consortium, folder)
    return consortium, folder


def change(channel: str = "mychannel") -> Change:
    return Change(configtx_pb2.ConfigUpdate(channel_id=channel).SerializeToString())


def test_a_signature_covers_header_and_update(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    one = consortium.organisation("VerifierA")
    signed = signing.sign(change(), one, folder)
    assert signing.signers(signed) == ["VerifierAMSP"]
    assert signing.sign(signed, one, folder) == signed
    [signature] = signed.signatures
    header = common_pb2.SignatureHeader.FromString(signature.signature_header)
    creator = identities_pb2.SerializedIdentity.FromString(header.creator)
    assert creator.id_bytes == folder.certificate(one, "Admin").read_bytes()
    public = load_pem_x509_certificate(creator.id_bytes).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature.signature, signature.signature_header + signed.update, ec.ECDSA(hashes.SHA256()))


def test_files_are_read_back_and_copies_merged(made: tuple[Consortium, NetworkFolder], tmp_path: Path) -> None:
    consortium, folder = made
    copies = []
    for name in ("VerifierA", "Hospital1"):
        path = tmp_path / name
        path.write_bytes(signing.sign(change(), consortium.organisation(name), folder).envelope())
        copies.append(config_update.read(path))
    assert signing.signers(signing.merge([*copies, copies[0]])) == ["VerifierAMSP", "Hospital1MSP"]
    with pytest.raises(ConfigError, match="different changes"):
        signing.merge([*copies, change("another")])
    for text in (b"", b"nonsense", common_pb2.Envelope().SerializeToString()):
        (tmp_path / "bad").write_bytes(text)
        with pytest.raises(ConfigError, match=r"cannot read the change|holds no change"):
            config_update.read(tmp_path / "bad")


def running(made: tuple[Consortium, NetworkFolder]) -> configtx_pb2.Config:
    """Return a configuration with every member's MSP."""
    consortium, folder = made
    config = configtx_pb2.Config()
    for one in consortium.organisations:
        roots = [path.read_bytes() for path in (folder.msp(one) / "cacerts").iterdir()]
        msp = msp_config_pb2.FabricMSPConfig(name=one.msp_id, root_certs=roots)
        value = msp_config_pb2.MSPConfig(config=msp.SerializeToString())
        group = config.channel_group.groups["Application"].groups[one.name]
        group.values["MSP"].value = value.SerializeToString()
    return config


def test_signatures_that_are_not_genuine_are_left_out_and_named(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    a, b, hospital = (consortium.organisation(name) for name in ("VerifierA", "VerifierB", "Hospital1"))
    good = signing.sign(change(), a, folder)
    [of_b] = signing.sign(change("another"), b, folder).signatures
    [of_hospital] = signing.sign(change(), hospital, folder).signatures
    header = common_pb2.SignatureHeader.FromString(of_hospital.signature_header)
    stolen = identities_pb2.SerializedIdentity.FromString(header.creator)
    stolen.mspid = "VerifierCMSP"
    header.creator = stolen.SerializeToString()
    claimed = configtx_pb2.ConfigSignature(signature_header=header.SerializeToString(), signature=of_hospital.signature)
    signer = Signer.load(hospital.msp_id, folder.user(hospital, "User1") / "msp")
    head = common_pb2.SignatureHeader(creator=signer.serialized).SerializeToString()
    user = configtx_pb2.ConfigSignature(signature_header=head, signature=signer.sign(head + good.update))
    garbage = configtx_pb2.ConfigSignature(signature_header=b"nonsense")
    bad = Change(good.update, (of_b, claimed, user, garbage))
    merged = signing.merge([bad, good])
    kept, dropped = signing.genuine(merged, running(made))
    assert signing.signers(kept) == ["VerifierAMSP"]
    assert [one.partition(":")[0] for one in dropped] == ["VerifierBMSP", "VerifierCMSP", "Hospital1MSP", "nobody"]
    assert "The signature is invalid" in dropped[0]
    assert "unknown authority" in dropped[1]
    assert "not by an administrator" in dropped[2]
    again = signing.sign(kept, b, folder)
    assert signing.genuine(signing.merge([bad, again]), running(made)) == (again, dropped)


def test_enough_is_what_the_running_policy_says(made: tuple[Consortium, NetworkFolder]) -> None:
    def one(index: int) -> policies_pb2.SignaturePolicy:
        return policies_pb2.SignaturePolicy(signed_by=index)

    def some(count: int, *rules: policies_pb2.SignaturePolicy) -> policies_pb2.SignaturePolicy:
        return policies_pb2.SignaturePolicy(n_out_of=policies_pb2.SignaturePolicy.NOutOf(n=count, rules=rules))

    names = ["A", "B", "C", "H1", "H2"]
    rule = some(2, some(2, one(0), one(1), one(2)), some(1, one(3), one(4)))
    principals = [
        msp_principal_pb2.MSPPrincipal(principal=msp_principal_pb2.MSPRole(msp_identifier=name).SerializeToString())
        for name in names
    ]
    config = configtx_pb2.Config()
    policy = policies_pb2.SignaturePolicyEnvelope(rule=rule, identities=principals)
    admins = config.channel_group.groups["Application"].policies["Admins"]
    admins.policy.CopyFrom(policies_pb2.Policy(type=1, value=policy.SerializeToString()))
    assert signing.satisfied(config, ["A", "C", "H2"])
    for few in (["A", "B", "C"], ["A", "H1", "H2"], [], ["X", "Y", "Z"]):
        assert not signing.satisfied(config, few)
