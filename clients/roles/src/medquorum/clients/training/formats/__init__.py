# SPDX-License-Identifier: Apache-2.0
"""A model as other programs have it: state dicts, safetensors, pt2 and ONNX, and whether they agree with the ledger."""
