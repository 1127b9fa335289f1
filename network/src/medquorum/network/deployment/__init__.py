# SPDX-License-Identifier: Apache-2.0
"""Chaincodes: the package, which are deployed, and the processes that serve them."""
