# SPDX-License-Identifier: Apache-2.0
"""Attacks that know the honest hospitals' updates of the round: for the simulation, the strongest a defence can face.

Steps are d = r - w, float64, in any one unit: honest ones (h, n), what is sent (n,) or (m, n) for m attackers.
"""
