# SPDX-License-Identifier: Apache-2.0
"""Option texts of ``create-task`` as values."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from medquorum.core import rules
from medquorum.core.fixedpoint import MAX_LAMBDA_BITS
from medquorum.errors import ConfigError, MedquorumError

__all__ = ["image_shape", "mixing_weight", "placed", "rule_document"]


def mixing_weight(text: str) -> tuple[int, int]:
    """Read λ as numerator A and bits k of A/2^k, in lowest terms.

    Raises
    ------
    ConfigError
        It is no such fraction in [0, 1] with k <= 8.
    """
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"lambda {text} is not a number", "Write it as 1/2 or 0.5") from error
    bits = value.denominator.bit_length() - 1
    if not 0 <= value <= 1 or value.denominator != 1 << bits or bits > MAX_LAMBDA_BITS:
        raise ConfigError(f"lambda {text} is not A/2^k in [0, 1] with k <= {MAX_LAMBDA_BITS}", "Use 1/2, 3/8, 0 ...")
    return value.numerator, bits


def image_shape(text: str) -> tuple[int, int, int]:
    """Read channels, height and width from ``1x28x28``; ConfigError otherwise."""
    try:
        channels, height, width = (int(part) for part in text.split("x"))
    except ValueError as error:
        raise ConfigError(f"{text} is no image shape", "Write channels, height and width as 1x28x28") from error
    return channels, height, width


def rule_document(text: str) -> dict[str, Any]:
    """Read a rule's name, or its whole JSON.

    Raises
    ------
    ConfigError
        There is no such rule, or its bounds are wrong or missing.
    """
    try:
        document = json.loads(text) if text.startswith("{") else {"name": text}
        rules.parse_rule(document)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"the rule {text} is not JSON: {error}", "Give a rule's name, or a JSON object in quotes"
        ) from error
    except MedquorumError as error:
        raise ConfigError(
            f"the rule {text} is wrong: {error.cause}", error.remedy or "See docs/reference/ledger.md"
        ) from error
    return dict(document)


def placed(settings: object, placement: str) -> dict[str, Any]:
    """Return a task's settings for encryption with another placement; ConfigError where it is not encrypted."""
    if not isinstance(settings, dict):
        raise ConfigError("only an encrypted task has a placement", "Give its parties and dealer with --settings")
    return settings | {"placement": placement}
