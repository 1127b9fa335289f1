# SPDX-License-Identifier: Apache-2.0
"""The ordering service and the channel's first block."""
