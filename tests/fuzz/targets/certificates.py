# SPDX-License-Identifier: Apache-2.0
"""Certificates of other organisations: as a service's client, as an authority in a bundle, as an MSP's."""

import base64

from cryptography.hazmat.primitives.serialization import Encoding

from medquorum.core.x509 import chained, issued, read_certificate
from medquorum.errors import MedquorumError
from medquorum.network.consortium.consortium import sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity import bundle, crypto, msp_folder, profiles
from medquorum.network.identity.msp import IdentityError, Msp
from medquorum.verifier.service.identity import Credentials
from medquorum_testing.encrypted.service_identities import authority, credentials
from medquorum_testing.fuzzing.runner import scratch_file

FOLDER = NetworkFolder(scratch_file("organisations"))
CONSORTIUM = sample("small", hospitals=1)
HOSPITAL = CONSORTIUM.organisation("Hospital1")
crypto.generate(CONSORTIUM, FOLDER)
profiles.write_all(CONSORTIUM, FOLDER)
FILES = bundle.export(FOLDER, HOSPITAL).files
OWN = credentials("AMSP", ["AMSP", "BMSP"])
ROOT = authority("AMSP", 0).certificate
MSP = Msp("AMSP", (ROOT,))
SEEDS = [
    ROOT.public_bytes(Encoding.DER),
    read_certificate(OWN.certificate).public_bytes(Encoding.DER),
    read_certificate(FOLDER.certificate(HOSPITAL, "User1").read_bytes()).public_bytes(Encoding.DER),
]
SEEDS += [SEEDS[0].replace(b"\x0c", b"\x03", 1), SEEDS[0].replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09")]


def run(data: bytes) -> None:
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"
    mixed = Credentials(OWN.certificate, OWN.key, {**OWN.authorities, "CMSP": [pem]})
    for use in (
        lambda: OWN.msp_of(pem),
        mixed.check,
        lambda: MSP.identify(pem).verify(b"message", b"signature"),
        lambda: msp_folder.check_public({name: pem.decode() for name in FILES}, HOSPITAL),
        lambda: msp_folder.check_public(FILES | {"msp/cacerts/ca.pem": pem.decode()}, HOSPITAL),
        lambda: msp_folder.check_stranger({"msp/tlscacerts/a.pem": pem.decode()}, HOSPITAL, FOLDER),
    ):
        try:
            use()
        except (MedquorumError, IdentityError):
            continue
    try:
        certificate = read_certificate(pem)
    except ValueError:  # as it says
        return
    issued(certificate, ROOT)
    chained([ROOT], [certificate])
