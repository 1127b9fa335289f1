# SPDX-License-Identifier: Apache-2.0
"""The dealer's service: material for both parties, once they have asked for the same."""
