# SPDX-License-Identifier: Apache-2.0
"""The steps of a model on masked values: input, linear layers, activations, pooling; and its opened weights."""
