# SPDX-License-Identifier: Apache-2.0
"""What tests of the encrypted verification share: two parties, a dealer, oracles."""
