# SPDX-License-Identifier: Apache-2.0
"""Who signs on the channel: identities, their authorities, and the MSPs that say which hold."""
