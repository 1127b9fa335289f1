# SPDX-License-Identifier: Apache-2.0
"""Keys, certificates and what is made of them: MSP folders, bundles, profiles, wallets."""
