# SPDX-License-Identifier: Apache-2.0
"""Chaincodes for tests, and a peer in memory that calls them."""
