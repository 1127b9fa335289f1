# SPDX-License-Identifier: Apache-2.0
"""One party's verification of an update with the other party and the dealer in other processes."""
