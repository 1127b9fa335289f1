# SPDX-License-Identifier: Apache-2.0
"""What a reader of the ledger checks itself: blocks, endorsements, authorities, whom it trusts."""
