# SPDX-License-Identifier: Apache-2.0
"""Encrypted verification: two parties evaluate a hidden update on hidden images with a dealer's correlated randomness.

Source: Algorithm 1 of Kalapaaking, Khalil, Yi (masked wires opened between two parties, function secret
sharing for the gates that are not linear), in the form of Boyle et al. 2019 and 2021.
``docs/reference/protocol.md`` has every
gate's numbered steps and what each role sees.
"""
