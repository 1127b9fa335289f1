# SPDX-License-Identifier: Apache-2.0
"""Lines for bulk between two organisations: TLS over a socket of its own, agreed on in a gRPC call."""
