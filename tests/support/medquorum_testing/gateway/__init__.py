# SPDX-License-Identifier: Apache-2.0
"""A gateway service that answers as scripted, and the conformance scenarios of gateway clients."""
