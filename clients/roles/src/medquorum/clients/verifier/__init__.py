# SPDX-License-Identifier: Apache-2.0
"""A verifier organisation's client: has updates judged, verdicts and the new model written."""
