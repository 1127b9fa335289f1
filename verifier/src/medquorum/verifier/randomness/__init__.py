# SPDX-License-Identifier: Apache-2.0
"""Seeds and streams, correlated randomness and its names, and the shares and masks made of it."""
