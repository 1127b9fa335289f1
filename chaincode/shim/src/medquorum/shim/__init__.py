# SPDX-License-Identifier: Apache-2.0
"""Chaincode-as-a-service in Python: the server a peer connects to and the stub a contract sees."""

from medquorum.shim.endorsement import endorsement_policy
from medquorum.shim.errors import ChaincodeError, ConfigError, ListenError, PeerError, ShimError
from medquorum.shim.identity import ClientIdentity
from medquorum.shim.interface import Chaincode, KeyModification, KeyValue, Response, Stub, error, success
from medquorum.shim.keys import create_composite_key, split_composite_key
from medquorum.shim.server import ChaincodeServer, serve
from medquorum.shim.settings import ServerSettings, TlsSettings

__all__ = [
    "Chaincode",
    "ChaincodeError",
    "ChaincodeServer",
    "ClientIdentity",
    "ConfigError",
    "KeyModification",
    "KeyValue",
    "ListenError",
    "PeerError",
    "Response",
    "ServerSettings",
    "ShimError",
    "Stub",
    "TlsSettings",
    "create_composite_key",
    "endorsement_policy",
    "error",
    "serve",
    "split_composite_key",
    "success",
]
