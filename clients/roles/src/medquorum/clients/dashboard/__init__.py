# SPDX-License-Identifier: Apache-2.0
"""The dashboard: a read-only page over a local index of the channel's blocks."""
