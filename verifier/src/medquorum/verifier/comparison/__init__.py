# SPDX-License-Identifier: Apache-2.0
"""Comparison of a public number with one that only the dealer knows: two back ends behind one interface."""
