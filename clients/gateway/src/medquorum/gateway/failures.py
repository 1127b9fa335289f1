# SPDX-License-Identifier: Apache-2.0
"""What a peer's gRPC error means: its nodes' own reasons, the remedy, and the chaincode's refusal if it is one."""

from __future__ import annotations

import re
from typing import Any, cast

import grpc
from fabric_protos.gateway.gateway_pb2 import ErrorDetail as ErrorDetailMessage
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from medquorum.gateway.errors import ErrorDetail, GatewayError

__all__ = ["chaincode_message", "error_details", "gateway_error", "identity_refused", "peers_unknown"]

STATUS_TRAILER = "grpc-status-details-bin"

_UNKNOWN = r"no combination of peers|no peers available|failed to find any endorsing peers|unavailability of peers"
_REMEDIES = (
    (
        r"creator org unknown|creator is malformed|creator org \[\]",
        "The peer does not know the identity (it leaves the creator blank then): check that the MSP id belongs to a "
        "member of the channel, is spelled as there, and that the channel exists on this peer",
    ),
    (
        r"access denied: channel \[.*\] creator org \[",
        "The peer knows the organisation but refuses the certificate or the signature: check that the certificate "
        "has not expired, comes from the organisation's CA and belongs to the signing key; the peer's log says which",
    ),
    (
        r"data during check policy",
        "The channel's policy does not let this certificate in: use a client's or an administrator's, not a peer's",
    ),
    (
        r"identity expired",
        "The identity's certificate has expired: let the organisation's CA issue a new one",
    ),
    (
        r"No metadata was found for chaincode|chaincode .* not found|make sure the chaincode",
        "Check the chaincode's name and that its definition is committed on the channel",
    ),
    (
        r"failed to get config for channel|channel does not exist",
        "Check the channel's name and that this peer has joined it",
    ),
    (
        _UNKNOWN,
        "Wait until a peer of each organisation the endorsement policy needs is running, has joined the channel and "
        "has the chaincode installed; peers that have just started need some seconds to find one another",
    ),
    (
        r"could not launch chaincode|connection to .* failed|chaincode stream terminated",
        "Start the organisation's chaincode process, then try again",
    ),
    (
        r"ProposalResponsePayloads do not match",
        "The endorsers computed different results: a peer is behind, or a chaincode is not deterministic or not the "
        "agreed one",
    ),
    (r"exceeds maximum allowed|larger than max", "Send the data in smaller pieces"),
    (r"Handshake failed|CERTIFICATE_VERIFY_FAILED|Peer name .* is not in", "Check the TLS root and the host alias"),
    (r"Unwrap failed", "Check the client's TLS certificate: the peer takes those of the channel's organisations"),
)
_CODE_REMEDIES = {
    "UNAVAILABLE": "Check that the peer runs at this address and takes the client's TLS certificate, then try again",
    "DEADLINE_EXCEEDED": "Try again, or give the call a longer timeout",
    "PERMISSION_DENIED": "Check the identity and the signature: the channel's policy does not let it in",
    "UNIMPLEMENTED": "This network does not offer the service",
}
_UNREACHED = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
_DENIED = re.compile(r"access denied|identity expired|data during check policy")
_REFUSAL = re.compile(r"chaincode response (\d+), (.*)", re.DOTALL)


def _status_message() -> type[Any]:
    """Make a message with the wire form of ``google.rpc.Status`` (its package is needed for nothing else)."""
    file = descriptor_pb2.FileDescriptorProto(
        name="medquorum/rpc_status.proto", package="medquorum", syntax="proto3", dependency=[any_pb2.DESCRIPTOR.name]
    )
    field = descriptor_pb2.FieldDescriptorProto
    message = file.message_type.add(name="RpcStatus")
    message.field.add(name="code", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    message.field.add(name="message", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    message.field.add(
        name="details",
        number=3,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=".google.protobuf.Any",
    )
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("medquorum.RpcStatus"))


_RpcStatus = _status_message()


def error_details(trailer: bytes) -> list[ErrorDetail]:
    """Read the nodes' own reasons from a ``grpc-status-details-bin`` trailer (``google.rpc.Status``).

    Details of other types are left out; a trailer that is no such message gives none.
    """
    try:
        status = _RpcStatus.FromString(trailer)
    except DecodeError:
        return []
    details = []
    for packed in status.details:
        detail = ErrorDetailMessage()
        if packed.Unpack(detail):
            details.append(ErrorDetail(detail.address, detail.msp_id, detail.message))
    return details


def gateway_error(
    error: grpc.RpcError, kind: type[GatewayError], action: str, transaction_id: str = "", proxied: str = ""
) -> GatewayError:
    """Make the error of a failed call: ``action`` says what was tried (``endorse``).

    ``proxied`` names where the connection's proxy is set, empty without one.
    """
    call = cast(grpc.Call, error)
    code = call.code().name
    text = call.details() or ""
    details: list[ErrorDetail] = []
    for key, value in call.trailing_metadata() or ():
        if key == STATUS_TRAILER and isinstance(value, bytes):
            details += error_details(value)
    remedy = _remedy(code, [text, *(detail.message for detail in details)])
    if proxied and code in _UNREACHED and not details:
        remedy = (
            f"{remedy}. The connection goes through the proxy that {proxied} names: check it, put the peer's host into "
            "no_proxy, or set the profile's client.proxy to none"
        )
    return kind(f"{action} failed, {code}: {text}", remedy, code=code, details=details, transaction_id=transaction_id)


def _remedy(code: str, texts: list[str]) -> str:
    if any(_REFUSAL.search(text) for text in texts):
        return ""
    for pattern, remedy in _REMEDIES:
        if any(re.search(pattern, text) for text in texts):
            return remedy
    return _CODE_REMEDIES.get(code, "")


def chaincode_message(error: BaseException) -> str | None:
    """Return the text a chaincode refused with, None where the error is no chaincode's refusal.

    The same proposal will be refused again. Where endorsers differ, the first one's text is returned; all are in
    ``error.details``.
    """
    if not isinstance(error, GatewayError):
        return None
    match = next(filter(None, map(_REFUSAL.search, _texts(error))), None)
    return None if match is None else match[2]


def peers_unknown(error: BaseException) -> bool:
    """Return whether the gateway knew no peers that can answer: those that have just started find one another soon."""
    return isinstance(error, GatewayError) and any(re.search(_UNKNOWN, text) for text in _texts(error))


def identity_refused(error: GatewayError) -> bool:
    """Return whether a peer did not accept the identity or its signature."""
    return any(_DENIED.search(text) for text in _texts(error))


def _texts(error: GatewayError) -> list[str]:
    return [*(detail.message for detail in error.details), error.cause]
