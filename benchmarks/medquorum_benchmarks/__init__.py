# SPDX-License-Identifier: Apache-2.0
"""Benchmarks; a package proper, because a peer brings a package of this name."""
