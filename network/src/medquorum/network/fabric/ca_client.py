# SPDX-License-Identifier: Apache-2.0
"""One authority of a running Fabric CA server as an issuer of certificates (its REST API, version 1.5)."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import ssl
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from medquorum.errors import NetworkError
from medquorum.network.identity.authority import general_name
from medquorum.network.identity.msp import Signer

__all__ = ["REGISTRAR", "FabricAuthority"]

REGISTRAR = "registrar"
"""The identity that may register others."""
KNOWN_ALREADY = 74
"""Fabric CA's code for an identity that is registered."""
REQUEST_TIMEOUT = 30
"""Seconds for one call."""
REMEDY = "See server.log in its home, organizations/fabric-ca/DOMAIN"


class FabricAuthority:
    """Registers each member under its name and enrols it; keys are made here and never leave.

    Parameters
    ----------
    port, trusted
        Of the server on this host, and what its TLS certificate is checked with.
    name
        The authority's in the server.
    secret
        The registrar's.
    """

    def __init__(self, port: int, trusted: ssl.SSLContext, name: str, secret: str) -> None:
        self._port = port
        self._trusted = trusted
        self._name = name
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, self._root = self._enrol(key, REGISTRAR, secret)
        self._registrar = Signer("", certificate, key)
        self._certificate = base64.b64encode(certificate).decode()

    @property
    def pem(self) -> bytes:
        """The root certificate."""
        return self._root

    def issue(
        self, common_name: str, unit: str | None, hosts: Sequence[str] = (), *, tls: bool = False
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Make a key and its certificate (`Issuer`); a member that is registered already gets a new secret.

        Raises
        ------
        NetworkError
            The server does not answer or refuses.
        """
        secret = secrets.token_urlsafe(32)
        if (
            self._registered("POST", "register", {"id": common_name, "type": unit or "client", "secret": secret})
            is None
        ):
            self._registered("PUT", f"identities/{common_name}", {"secret": secret})
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, _ = self._enrol(key, common_name, secret, hosts, "tls" if tls else "")
        return key, x509.load_pem_x509_certificate(certificate)

    def _registered(self, method: str, path: str, fields: dict[str, str]) -> Any:
        """Change the registry with the registrar's signature; return None where the identity is there already."""
        body = json.dumps(fields | {"caname": self._name}).encode()
        signed = [base64.b64encode(part).decode() for part in (_uri(path).encode(), body)]
        payload = ".".join([method, *signed, self._certificate])
        signature = base64.b64encode(self._registrar.sign(payload.encode())).decode()
        return self._call(method, path, body, f"{self._certificate}.{signature}")

    def _enrol(
        self,
        key: ec.EllipticCurvePrivateKey,
        name: str,
        secret: str,
        hosts: Sequence[str] = (),
        profile: str = "",
    ) -> tuple[bytes, bytes]:
        """Have a request signed; return the certificate and the authority's root."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        if hosts:
            names = x509.SubjectAlternativeName([general_name(host) for host in dict.fromkeys(hosts)])
            request = request.add_extension(names, critical=False)
        text = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
        body = json.dumps({"certificate_request": text, "profile": profile, "caname": self._name}).encode()
        login = base64.b64encode(f"{name}:{secret}".encode()).decode()
        result = self._call("POST", "enroll", body, f"Basic {login}")
        return base64.b64decode(result["Cert"]), base64.b64decode(result["ServerInfo"]["CAChain"])

    def _call(self, method: str, path: str, body: bytes, authorization: str) -> Any:
        """Return an answer's result; None where the identity is registered already."""
        line = http.client.HTTPSConnection("localhost", self._port, context=self._trusted, timeout=REQUEST_TIMEOUT)
        try:
            line.request(method, _uri(path), body, {"authorization": authorization})
            answer = json.loads(line.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NetworkError(f"Fabric CA did not answer {method} {path}: {error}", REMEDY) from error
        finally:
            line.close()
        if answer.get("success"):
            return answer["result"]
        refusals = answer.get("errors") or [{}]
        if refusals[0].get("code") == KNOWN_ALREADY:
            return None
        raise NetworkError(f"Fabric CA refused {method} {path}: {refusals[0].get('message', 'no reason')}", REMEDY)


def _uri(path: str) -> str:
    return f"/api/v1/{path}"
