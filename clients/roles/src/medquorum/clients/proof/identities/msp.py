# SPDX-License-Identifier: Apache-2.0
"""An organisation's MSP as the channel's configuration has it: authorities, roles by organisational unit, revocations.

When a certificate has to hold: a block has no time. The moment is the latest time of day that a valid transaction of
the chaincode, or a configuration block, has stated so far in the chain: a later transaction that states an earlier time
does not turn it back. Endorsing peers of Fabric 3 refuse a proposal whose time is more than ``TIME_WINDOW`` from their
own clock. Those of Fabric 2.5 do not: there a member may state any time, and one that is still to come for the reader
counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from fabric_protos.msp.msp_config_pb2 import FabricMSPConfig, MSPConfig

from medquorum.clients.proof.envelope import REMEDY, read_message
from medquorum.clients.proof.identities.authorities import authority_path, check_unrevoked, read_revocations
from medquorum.clients.proof.identities.identity import Identity
from medquorum.core.x509 import chained
from medquorum.errors import CheckFailed, ConfigError

__all__ = ["ROLES", "TIME_WINDOW", "Msp", "check_begun", "check_unexpired", "read_msp"]

ROLES = ("client", "peer", "admin", "orderer")
TIME_WINDOW = timedelta(minutes=15)


@dataclass(frozen=True)
class Msp:
    """One organisation's authorities; ``roles`` by organisational unit, with the authority that must have issued it."""

    msp_id: str
    issuers: tuple[x509.Certificate, ...] = field(repr=False)
    roles: Mapping[str, tuple[str, x509.Certificate | None]] = field(repr=False)
    revocations: Sequence[x509.CertificateRevocationList] = field(repr=False)

    def role_of(self, identity: Identity, moment: datetime) -> str:
        """Return the role of an identity whose certificate has not expired at a moment.

        Raises
        ------
        CheckFailed
            The certificate is not issued by the organisation's authorities, is an authority's own, had expired then, is
            revoked, or has not exactly one role.
        """
        path = authority_path(identity.certificate, self.issuers)
        if path is None or identity.is_authority:
            raise CheckFailed(
                f"the certificate of {identity} was not issued by its authority", REMEDY, check="signature"
            )
        check_unexpired(identity, moment)
        check_unrevoked(path, self.revocations, self.msp_id)
        roles = [self.roles[unit] for unit in identity.units if unit in self.roles]
        if len(roles) != 1 or roles[0][1] not in (None, path[1]):
            units = ", ".join(identity.units) or "none"
            raise CheckFailed(
                f"the certificate of {identity} has not exactly one role (units: {units})", REMEDY, check="signature"
            )
        return roles[0][0]


def check_unexpired(identity: Identity, moment: datetime) -> None:
    """Check that a certificate had not expired at a moment, as exactly as the clocks of endorsing peers go.

    Raises
    ------
    CheckFailed
        It had.
    """
    if moment > identity.end + TIME_WINDOW:
        raise CheckFailed(
            f"the certificate of {identity} had expired on {identity.end:%Y-%m-%d}", REMEDY, check="signature"
        )


def check_begun(identity: Identity, moment: datetime) -> None:
    """Check that a certificate did hold already at a moment that its signer, or one after it, has stated.

    Raises
    ------
    CheckFailed
        It did not hold yet.
    """
    if moment < identity.begin - TIME_WINDOW:
        raise CheckFailed(
            f"the certificate of {identity} did not hold before {identity.begin:%Y-%m-%d}", REMEDY, check="signature"
        )


def read_msp(value: bytes, what: str) -> Msp:
    """Return the MSP in a configuration value.

    Raises
    ------
    CheckFailed
        The bytes are no MSP, its certificates cannot be read or are no chain, or no units say who has which role.
    """
    config = read_message(FabricMSPConfig, read_message(MSPConfig, value, what).config, what)
    try:
        roots, between = (
            [_certificate(pem) for pem in pems] for pems in (config.root_certs, config.intermediate_certs)
        )
        issuers = tuple(chained(roots, between))
        revocations = [read_revocations(raw) for raw in config.revocation_list]
        units = {role: getattr(config.fabric_node_ous, f"{role}_ou_identifier") for role in ROLES}
        roles = {
            unit.organizational_unit_identifier: (role, _certificate(unit.certificate) if unit.certificate else None)
            for role, unit in units.items()
            if unit.organizational_unit_identifier
        }
    except (ConfigError, ValueError, x509.InvalidVersion) as error:
        raise CheckFailed(f"{what} holds no MSP: {error}", REMEDY, check="block") from error
    if not issuers or not config.fabric_node_ous.enable:
        raise CheckFailed(
            f"{what} does not say by which authority and unit a peer of {config.name!r} is known",
            "Enable NodeOUs in the organisation's MSP",
            check="block",
        )
    return Msp(config.name, issuers, roles, revocations)


def _certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)
