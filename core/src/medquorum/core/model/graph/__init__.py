# SPDX-License-Identifier: Apache-2.0
"""Format version 2: layers that name their inputs, typed inputs, outputs of three kinds."""
