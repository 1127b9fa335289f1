# SPDX-License-Identifier: Apache-2.0
"""What becomes a verdict: parameters in range, the norm, images counted as correct, and all joined to one bit."""
