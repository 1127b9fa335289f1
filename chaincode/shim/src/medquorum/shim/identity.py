# SPDX-License-Identifier: Apache-2.0
"""Who sent a proposal: organisation, certificate, organisational units and Fabric CA attributes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cached_property

from cryptography import x509
from cryptography.x509.oid import NameOID
from fabric_protos.msp import identities_pb2

from medquorum.shim.errors import ChaincodeError

__all__ = ["ClientIdentity"]

ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")

# Go's crypto/x509 writes a name in this order, most specific first, and groups values of one type.
NAME_ORDER = (
    (NameOID.SERIAL_NUMBER, "SERIALNUMBER"),
    (NameOID.COMMON_NAME, "CN"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "OU"),
    (NameOID.ORGANIZATION_NAME, "O"),
    (NameOID.POSTAL_CODE, "POSTALCODE"),
    (NameOID.STREET_ADDRESS, "STREET"),
    (NameOID.LOCALITY_NAME, "L"),
    (NameOID.STATE_OR_PROVINCE_NAME, "ST"),
    (NameOID.COUNTRY_NAME, "C"),
)


class ClientIdentity:
    """The creator of a proposal (``msp.SerializedIdentity``), as ``cid`` of Fabric's Go chaincode library shows it.

    The peer has checked the certificate's chain, validity and signature before it runs the chaincode.

    Parameters
    ----------
    creator
        What ``Stub.get_creator`` returned.

    Raises
    ------
    ChaincodeError
        ``BAD_IDENTITY``: not an X.509 identity of an MSP.
    """

    def __init__(self, creator: bytes) -> None:
        try:
            identity = identities_pb2.SerializedIdentity.FromString(creator)
            self.certificate = x509.load_pem_x509_certificate(identity.id_bytes)
            self._subject, self._issuer = self.certificate.subject, self.certificate.issuer  # read only here
        except Exception as error:  # a broken certificate is ValueError, TypeError, InvalidVersion, by what is broken
            raise ChaincodeError("BAD_IDENTITY", "the creator of the proposal is not an X.509 identity") from error
        if not identity.mspid:
            raise ChaincodeError("BAD_IDENTITY", "the creator of the proposal names no MSP")
        self.msp_id: str = identity.mspid

    @cached_property
    def id(self) -> str:
        """Base64 of ``x509::SUBJECT::ISSUER``: unique within the MSP and unchanged by a renewed certificate."""
        text = f"x509::{_name(self._subject)}::{_name(self._issuer)}"
        return base64.b64encode(text.encode()).decode()

    @cached_property
    def common_name(self) -> str:
        """The subject's common name, "" if it has none."""
        names = _values(self._subject, NameOID.COMMON_NAME)
        return names[-1] if names else ""

    @cached_property
    def organizational_units(self) -> tuple[str, ...]:
        """The subject's OUs; with NodeOUs one of ``client``, ``peer``, ``admin``, ``orderer`` is the role."""
        return tuple(_values(self._subject, NameOID.ORGANIZATIONAL_UNIT_NAME))

    @cached_property
    def attributes(self) -> Mapping[str, str]:
        """Attributes Fabric CA wrote into the certificate (extension 1.2.3.4.5.6.7.8.1); empty if there are none."""
        try:
            extension = self.certificate.extensions.get_extension_for_oid(ATTRIBUTES)
            attributes = json.loads(extension.value.public_bytes()).get("attrs") or {}
            return {str(name): str(value) for name, value in attributes.items()}
        except x509.ExtensionNotFound:
            return {}
        except Exception as error:  # as above
            raise ChaincodeError("BAD_IDENTITY", "the attributes in the certificate cannot be read") from error


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]


def _name(name: x509.Name) -> str:
    parts = []
    for oid, label in NAME_ORDER:
        values = _values(name, oid)
        if label in ("CN", "SERIALNUMBER"):
            values = values[-1:]
        if values:
            parts.append("+".join(f"{label}={_escape(value)}" for value in values))
    return ",".join(parts)


def _escape(value: str) -> str:
    escaped = "".join("\\" + c if c in ',+"\\<>;' else c for c in value)
    if escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    return "\\" + escaped if escaped.startswith((" ", "#")) else escaped
