# SPDX-License-Identifier: Apache-2.0
"""Opening a hidden model once under its masks, and folding batch normalisation into it, all under encryption.

Steps, once per model:

1. R = r + u for all parameters r, u a fresh mask: the hospital hands it over, or the parties open it from shares of r.
   Mixed parameters P = A·w + (2^k - A)·r need no opening of their own: V = A·w + (2^k - A)·R hides P under
   (2^k - A)·u.
2. Without batch normalisation V is the layer's opened weights; the bias' shares are local.
3. With it: gain · scale from both masked forms locally, up to the masks' product, which the dealer knows as an offset;
   truncated by f + k (Rescale, BOUNDED) that is g, opened under a fresh mask; g·W likewise, truncated by f; W' opened
   under a fresh mask; b' = g·(b - 2^k·mean) + 2^f·shift from masked forms, never opened.

The products stay below 2^62 because RANGE holds; where it does not, RANGE's own bit refuses the update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray
from medquorum.core.model.description import BatchNorm
from medquorum.core.model.layout import TensorSpec
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.gates.weights import DealerWeights, Weights
from medquorum.verifier.model.plan import Mixture, Subject
from medquorum.verifier.model.program import Affine, Program
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness, MaskShares
from medquorum.verifier.randomness.wires import Masked

__all__ = ["HandedOver", "Held", "deal_parameters", "deal_weights", "masked_parameters", "open_weights", "tensors"]


@dataclass(frozen=True)
class HandedOver:
    """R = r + u (parameters,) of int64 as the hospital handed it to both parties: neither can have another one."""

    public: IntArray = field(repr=False)


Held: TypeAlias = IntArray | HandedOver
"""What a party holds of a hidden vector: its share (parameters,) of it, or R."""


def deal_parameters(dealer: GateDealer, layout: Sequence[TensorSpec]) -> MaskShares:
    """Draw the mask of every parameter (n,)."""
    return dealer.mask_shares((sum(spec.size for spec in layout),))


def masked_parameters(party: Party, randomness: GateRandomness, held: Held) -> Masked:
    """Return every parameter of an update (n,) under its mask: as it was handed over, or opened from the shares."""
    if isinstance(held, HandedOver):
        return Masked(held.public, randomness.mask(held.public.shape).share)
    mask = randomness.mask(held.shape)
    return Masked(party.open(mask, held, 64), mask.share)


def tensors(flat: IntArray, layout: Sequence[TensorSpec]) -> dict[str, IntArray]:
    """Return views of the tensors in a vector of all parameters."""
    result: dict[str, IntArray] = {}
    start = 0
    for spec in layout:
        result[spec.name] = flat[start : start + spec.size].reshape(spec.shape)
        start += spec.size
    return result


def _live(affine: Affine, values: IntArray) -> IntArray:
    """Return a weight tensor's live taps as (outputs, inputs, rows, columns)."""
    if affine.layer.op == "dense":
        return values.reshape(affine.layer.outputs, *affine.held)
    return values[(slice(None), slice(None), *affine.geometry.live)]


def _gates(program: Program) -> tuple[Rescale, Rescale]:
    """Return the truncations of a folded batch normalisation: of the gain and of the weights."""
    shift = FRACTION_BITS + program.lambda_bits
    gain = Rescale(shift, 64 - shift, 64, Form.BOUNDED)
    return gain, Rescale(FRACTION_BITS, 64 - FRACTION_BITS, program.ring, Form.BOUNDED)


def deal_weights(
    dealer: Callable[[str], GateDealer],
    comparison: Comparison,
    subject: Subject,
    masks: Mapping[str, MaskShares],
    result: DealerWeights,
) -> Iterator[GateDealer]:
    """Deal for all layers and add them to ``result``; return each gate when it is complete.

    Parameters
    ----------
    dealer
        Returns the gate of a name.
    masks
        Mapping of tensor name to MaskShares.
        Of the parameters of r.
    """
    program, mixture = subject.program, subject.mixture
    other = np.int64(mixture.other)
    for affine in program.layers:
        name, norm = affine.layer.name, affine.norm
        raw = MaskShares(*(_live(affine, part) for part in masks[f"{name}.weight"]))
        bias = np.zeros(affine.layer.outputs, dtype=np.int64)
        if norm is None:
            skew = raw.difference * other
            if affine.grayscale:
                skew = skew.sum(axis=1, keepdims=True)
        else:
            gate = dealer(f"{name}.fold")
            gain_gate, weight_gate = _gates(program)
            scale = masks[f"{norm.name}.scale"].total
            gain_gate.deal(gate, comparison, scale.shape, -(masks[f"{norm.name}.weight"].total * other * scale))
            gain = gate.mask(scale.shape)
            weights = raw.total
            weight_gate.deal(gate, comparison, weights.shape, -weights * other * _column(gain))
            inner = _bias(affine, masks, other) - (masks[f"{norm.name}.mean"].total << np.int64(mixture.bits))
            bias = -gain * inner
            skew = gate.mask_shares(weights[:, :1].shape if affine.grayscale else weights.shape).difference
            yield gate
        result.add(name, skew, bias, affine.geometry)


def open_weights(
    party: Party,
    randomness: Callable[[str], GateRandomness],
    comparison: Comparison,
    subject: Subject,
    base: Mapping[str, IntArray],
    masked: Mapping[str, Masked],
) -> Weights:
    """Return the party's form of every layer of p, from the opened parameters of r.

    Parameters
    ----------
    randomness
        Returns the material of a gate's name.
    base
        Mapping of tensor name to int64 array.
        w, known to both.
    masked
        Mapping of tensor name to Masked.
        From :func:`masked_parameters`.
    """
    program, mixture = subject.program, subject.mixture
    result = Weights(party.index, program.ring)
    mixed = _Mixed(mixture, base, masked)
    for affine in program.layers:
        name = affine.layer.name
        weights = mixed(f"{name}.weight", partial(_live, affine))
        if affine.norm is None:
            bias = np.zeros(affine.layer.outputs, dtype=np.int64)
            if affine.layer.op == "dense" or affine.layer.bias:
                bias = mixed(f"{name}.bias").share(party.index) << np.int64(FRACTION_BITS)
            if affine.grayscale:
                weights = Masked(*(part.sum(axis=1, keepdims=True) for part in (weights.public, weights.mask)))
        else:
            folding = _Folding(party, randomness(f"{name}.fold"), comparison, program)
            weights, bias = folding(affine, affine.norm, mixed, weights)
        if affine.rounds and party.index == 0:
            bias = bias + np.int64(1 << (FRACTION_BITS + mixture.bits - 1))
        result.add(name, weights, bias, affine.geometry)
    return result


class _Mixed:
    """Masked forms of p's tensors; mean and scale are the update's."""

    def __init__(self, mixture: Mixture, base: Mapping[str, IntArray], masked: Mapping[str, Masked]) -> None:
        self.mixture = mixture
        self.masked = masked
        self._base = base

    def __call__(self, name: str, part: Callable[[IntArray], IntArray] = np.asarray) -> Masked:
        """Return a tensor, or the part of it that is used."""
        update, other = self.masked[name], np.int64(self.mixture.other)
        public = part(update.public) * other
        if self.mixture.numerator:
            public += part(self._base[name]) * np.int64(self.mixture.numerator)
        return Masked(public, part(update.mask) * other)


class _Folding:
    """Folds one batch normalisation."""

    def __init__(self, party: Party, randomness: GateRandomness, comparison: Comparison, program: Program) -> None:
        self._party = party
        self._randomness = randomness
        self._comparison = comparison
        self._program = program

    def __call__(self, affine: Affine, norm: BatchNorm, mixed: _Mixed, weights: Masked) -> tuple[Masked, IntArray]:
        name = norm.name
        bits = mixed.mixture.bits
        gain_gate, weight_gate = _gates(self._program)
        gain = self._opened(
            self._rounded(gain_gate, self._times(mixed(f"{name}.weight"), mixed.masked[f"{name}.scale"]))
        )
        columns = Masked(_column(gain.public), _column(gain.mask))
        folded = self._rounded(weight_gate, self._times(weights, columns))
        if affine.grayscale:
            folded = folded.sum(axis=1, keepdims=True)
        mean = mixed.masked[f"{name}.mean"]
        inner = Masked(-(mean.public << np.int64(bits)), -(mean.mask << np.int64(bits)))
        if affine.layer.op == "dense" or affine.layer.bias:
            own = mixed(f"{affine.layer.name}.bias")
            inner = Masked(inner.public + own.public, inner.mask + own.mask)
        bias = self._times(gain, inner) + (mixed(f"{name}.bias").share(self._party.index) << np.int64(FRACTION_BITS))
        weights = self._opened(folded, self._program.ring)
        self._randomness.finish()
        return weights, bias

    def _times(self, first: Masked, second: Masked) -> IntArray:
        """Return shares of a product, less the product of the masks."""
        share = -first.public * second.mask - second.public * first.mask
        return share + first.public * second.public if self._party.index == 0 else share

    def _rounded(self, gate: Rescale, share: IntArray) -> IntArray:
        """Truncate to the nearest."""
        half = np.int64(1 << (gate.shift - 1)) if self._party.index == 0 else np.int64(0)
        return gate.evaluate(self._party, self._randomness, self._comparison, share + half)

    def _opened(self, share: IntArray, bits: int = 64) -> Masked:
        mask = self._randomness.mask(share.shape)
        return Masked(self._party.open(mask, share, bits), mask.share)


def _bias(affine: Affine, masks: Mapping[str, MaskShares], other: np.int64) -> IntArray:
    if affine.layer.op == "dense" or affine.layer.bias:
        return masks[f"{affine.layer.name}.bias"].total * other
    return np.zeros(affine.layer.outputs, dtype=np.int64)


def _column(values: IntArray) -> IntArray:
    """Shape per-channel values for weights (outputs, inputs, rows, columns)."""
    return values.reshape(-1, 1, 1, 1)
