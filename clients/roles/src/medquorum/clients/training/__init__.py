# SPDX-License-Identifier: Apache-2.0
"""Training with PyTorch: a module from a model description, and its parameters in fixed point."""
