# SPDX-License-Identifier: Apache-2.0
"""Chaincode-as-a-service in Python: the server a peer connects to and the stub a contract sees."""

from chaincode.shim.endorsement import endorsement_policy
from chaincode.shim.errors import ChaincodeError, ConfigError, ListenError, PeerError, ShimError
from chaincode.shim.identity import ClientIdentity
from chaincode.shim.interface import Chaincode, KeyModification, KeyValue, Response, Stub, error, success
from chaincode.shim.keys import create_composite_key, split_composite_key
from chaincode.shim.server import ChaincodeServer, serve
from chaincode.shim.settings import ServerSettings, TlsSettings

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
