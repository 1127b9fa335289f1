# SPDX-License-Identifier: Apache-2.0
"""What a run shows while it goes and when it ends."""
