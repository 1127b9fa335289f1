# SPDX-License-Identifier: Apache-2.0
"""The processes of encrypted verification, put together: witness, dealer, aggregator."""
