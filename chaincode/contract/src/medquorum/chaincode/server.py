# SPDX-License-Identifier: Apache-2.0
"""The chaincode process: the Medquorum contract behind a chaincode-as-a-service server."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import structlog

from medquorum.chaincode.contract import Contract
from medquorum.chaincode.node import Node
from medquorum.chaincode.verification_sets import VerificationSets
from medquorum.core.documents.fields import HASH_PATTERN, MSP_PATTERN
from medquorum.core.startup import prepare_process
from medquorum.errors import ConfigError, MedquorumError, NetworkError
from medquorum.shim import ListenError, ServerSettings, ShimError, serve

__all__ = ["main", "make_node", "make_settings"]

VARIABLES = """\
settings come from the environment:
  MEDQUORUM_MSP_ID             the organisation it serves
  MEDQUORUM_VERIFICATION_DIR   a verifier's folder of verification sets
  MEDQUORUM_CONSORTIUM_HASH    the consortium's founding hash
  CHAINCODE_SERVER_ADDRESS     where it listens
  CHAINCODE_ID                 the package id
  CHAINCODE_TLS_KEY, CHAINCODE_TLS_CERT, CHAINCODE_CLIENT_CA_CERT
                               its key and certificate, and who may connect
  CHAINCODE_TLS_DISABLED       true where something else keeps strangers away
"""


def make_node(environment: Mapping[str, str] = os.environ) -> Node:
    """Read ``MEDQUORUM_MSP_ID`` and, for verifiers, ``MEDQUORUM_VERIFICATION_DIR`` and ``MEDQUORUM_CONSORTIUM_HASH``.

    Raises
    ------
    ConfigError
        The MSP id is missing or malformed, the hash is none, or the directory does not exist.
    """
    msp_id = environment.get("MEDQUORUM_MSP_ID", "").strip()
    if not re.fullmatch(MSP_PATTERN, msp_id):
        raise ConfigError(
            f"MEDQUORUM_MSP_ID is {msp_id!r}", "Set it to the MSP id of the organisation this chaincode serves"
        )
    named = environment.get("MEDQUORUM_VERIFICATION_DIR", "").strip()
    directory = Path(named) if named else None
    if directory is not None and not directory.is_dir():
        raise ConfigError(
            f"MEDQUORUM_VERIFICATION_DIR={named} is not a directory", "Create it and put the verification set into it"
        )
    founding = environment.get("MEDQUORUM_CONSORTIUM_HASH", "").strip() or None
    if founding is not None and not re.fullmatch(HASH_PATTERN, founding):
        raise ConfigError(
            f"MEDQUORUM_CONSORTIUM_HASH is {founding!r}",
            "Set it to the founding hash of the consortium, or leave it out",
        )
    return Node(msp_id, VerificationSets(directory), founding)


def make_settings(environment: Mapping[str, str] = os.environ) -> ServerSettings:
    """Read where to listen, and with which TLS.

    Raises
    ------
    ConfigError
        A value is missing or wrong, or any client would be taken for the peer: the contract believes its client about
        creators and state, so that a stranger could have models evaluated on the private images.
    """
    settings = ServerSettings.from_environment(environment)
    tls_disabled = environment.get("CHAINCODE_TLS_DISABLED", "").strip().lower() in ("true", "1")
    if not tls_disabled and (settings.tls is None or settings.tls.client_ca is None):
        raise ConfigError(
            f"anybody who reaches {settings.address} would be taken for the peer",
            "Set CHAINCODE_TLS_KEY, CHAINCODE_TLS_CERT and CHAINCODE_CLIENT_CA_CERT, or, where something else keeps "
            "strangers away, CHAINCODE_TLS_DISABLED=true",
        )
    return settings


def main() -> None:
    """Serve the contract until SIGTERM or SIGINT; settings come from the environment (docs/reference/network.md)."""
    argparse.ArgumentParser(
        prog="medquorum-chaincode",
        description="Serve the contract until SIGTERM or SIGINT.",
        epilog=VARIABLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_known_args()
    prepare_process()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        node = make_node()
        serve(Contract(node), make_settings())
    except MedquorumError as error:
        _end(error, error.exit_code)
    except ShimError as error:
        _end(error, NetworkError.exit_code if isinstance(error, ListenError) else ConfigError.exit_code)
    node.job_runner.close()


def _end(error: Exception, code: int) -> NoReturn:
    print(f"medquorum-chaincode: {error}", file=sys.stderr)
    sys.exit(code)
