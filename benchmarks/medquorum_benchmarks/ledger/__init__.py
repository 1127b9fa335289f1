# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of the ledger: from nothing to a network, what is stored on it, what a call takes."""
