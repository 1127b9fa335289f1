# SPDX-License-Identifier: Apache-2.0
"""Arithmetic in the ring Z_2^64: products, bit planes, convolutions, and the compiled kernels."""
