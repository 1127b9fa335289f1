# SPDX-License-Identifier: Apache-2.0
"""Ledgers in memory, and whole consortiums and federations on them."""
