# SPDX-License-Identifier: Apache-2.0
"""The ledger as a client sees it: typed reads, writing transactions, models."""
