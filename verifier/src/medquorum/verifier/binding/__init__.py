# SPDX-License-Identifier: Apache-2.0
"""What binds shares to the ledger: commitments, re-shares, hashes of masks."""
