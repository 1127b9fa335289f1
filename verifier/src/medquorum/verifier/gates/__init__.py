# SPDX-License-Identifier: Apache-2.0
"""The gates of an encrypted evaluation: rescale, linear and pooling steps, norm, range, correctness, decision."""
