# SPDX-License-Identifier: Apache-2.0
"""The ledger's documents: what its bytes mean, for the contract, clients and verifiers alike."""
