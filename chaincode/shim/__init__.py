# SPDX-License-Identifier: Apache-2.0
"""Chaincode-as-a-service in Python: the server a peer connects to and the stub a contract sees."""

from chaincode.shim.endorsement import endorsement_policy
from chaincode.shim.identity import ClientIdentity
from chaincode.shim.interface import Chaincode, KeyModification, KeyValue, Response, Stub, error, success
from chaincode.shim.server import ChaincodeServer, serve
from chaincode.shim.settings import ServerSettings, TlsSettings

__all__ = [
    "Chaincode",
    "ChaincodeServer",
    "ClientIdentity",
    "KeyModification",
    "KeyValue",
    "Response",
    "ServerSettings",
    "Stub",
    "TlsSettings",
    "endorsement_policy",
    "error",
    "serve",
    "success",
]
