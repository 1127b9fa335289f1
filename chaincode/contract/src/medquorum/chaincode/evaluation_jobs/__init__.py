# SPDX-License-Identifier: Apache-2.0
"""The long computations beside the transactions: a round's evaluation, its new model, the bytes they need."""
