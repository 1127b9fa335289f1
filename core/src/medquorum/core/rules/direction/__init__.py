# SPDX-License-Identifier: Apache-2.0
"""The rule ``direction``: levels against the root update, a gate, integer weights, a margin measure and a search."""
