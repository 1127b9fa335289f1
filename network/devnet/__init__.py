# SPDX-License-Identifier: Apache-2.0
"""The embedded development network: Fabric's wire in one process, no production ledger."""
