# SPDX-License-Identifier: Apache-2.0
"""How a program reaches its peer: profiles, TLS channels, proxies."""
