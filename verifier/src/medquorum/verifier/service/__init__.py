# SPDX-License-Identifier: Apache-2.0
"""Services between organisations: the parties' connection, the dealer's material, the upload of shares.

gRPC with mutual TLS; both ends know each other by MSP id (:mod:`medquorum.verifier.service.identity`). Messages
are bytes, headers canonical JSON, frames at most 4 MiB (:mod:`medquorum.verifier.service.frames`).
"""
