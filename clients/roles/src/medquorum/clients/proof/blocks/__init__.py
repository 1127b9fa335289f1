# SPDX-License-Identifier: Apache-2.0
"""The channel's blocks: their links, their order, their transactions, and the walk along them."""
