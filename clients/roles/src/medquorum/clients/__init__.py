# SPDX-License-Identifier: Apache-2.0
"""What organisations run beside their peers: gateway client, hospital, verifier, coordinator, admin and auditor."""
