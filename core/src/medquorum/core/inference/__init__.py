# SPDX-License-Identifier: Apache-2.0
"""Exact integer inference, as docs/evaluation.md defines it."""

from chaincode.evaluation.compile import compile_model
from chaincode.evaluation.merit import Merit, correct, merit
from chaincode.evaluation.program import Program

__all__ = ["Merit", "Program", "compile_model", "correct", "merit"]
