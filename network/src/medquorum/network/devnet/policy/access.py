# SPDX-License-Identifier: Apache-2.0
"""The channel's default access rules: who may propose, submit and read."""

from __future__ import annotations

from collections.abc import Collection

from medquorum.network.identity.msp import Identity

__all__ = ["may_order", "may_read", "may_write"]

WRITERS = ("admin", "client")


def may_write(identity: Identity, organisations: Collection[str]) -> bool:
    """Return whether an identity satisfies the Writers policy: an admin or client of one of the organisations."""
    return identity.msp_id in organisations and identity.role in WRITERS


def may_order(identity: Identity, organisations: Collection[str]) -> bool:
    """Return whether an identity satisfies the channel's own Writers policy, which also admits the orderers."""
    return identity.msp_id not in organisations or identity.role in WRITERS


def may_read(identity: Identity, organisations: Collection[str]) -> bool:
    """Return whether an identity satisfies the Readers policy: anyone of one of the organisations but its orderers."""
    return identity.msp_id in organisations and identity.role in (*WRITERS, "peer")
