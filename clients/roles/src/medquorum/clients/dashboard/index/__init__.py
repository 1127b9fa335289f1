# SPDX-License-Identifier: Apache-2.0
"""The local index: what the blocks of a channel say, kept where it is found at once."""
