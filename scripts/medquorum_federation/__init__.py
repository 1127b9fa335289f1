# SPDX-License-Identifier: Apache-2.0
"""One whole training with a report, on a network or simulated."""
