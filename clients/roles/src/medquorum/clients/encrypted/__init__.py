# SPDX-License-Identifier: Apache-2.0
"""The roles of encrypted verification: parties, dealer, aggregation nodes."""
