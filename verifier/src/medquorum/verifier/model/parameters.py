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
from typing import TypeAlias

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray
from medquorum.core.model.layout import TensorSpec
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.layers.weights import DealerWeights, Weights
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.model.layers import Affine, Normalisation
from medquorum.verifier.model.plan import Mixture, Subject
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness, MaskShares
from medquorum.verifier.randomness.wires import Masked

__all__ = ["Held", "MaskedUpdate", "deal_parameters", "deal_weights", "masked_parameters", "open_weights", "tensors"]


@dataclass(frozen=True)
class MaskedUpdate:
    """R = r + u (parameters,) of int64 as the hospital handed it to both parties: neither can have another one."""

    public: IntArray = field(repr=False)


Held: TypeAlias = IntArray | MaskedUpdate
"""What a party holds of a hidden vector: its share (parameters,) of it, or R."""


def deal_parameters(dealer: GateDealer, layout: Sequence[TensorSpec]) -> MaskShares:
    """Draw the mask of every parameter (n,)."""
    return dealer.mask_shares((sum(spec.size for spec in layout),))


def masked_parameters(party: Party, randomness: GateRandomness, held: Held) -> Masked:
    """Return every parameter of an update (n,) under its mask: as it was handed over, or opened from the shares."""
    if isinstance(held, MaskedUpdate):
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


def _gates(subject: Subject) -> tuple[Rescale, Rescale]:
    """Return the truncations of a folded batch normalisation: of the gain and of the weights."""
    shift = FRACTION_BITS + subject.mixture.bits + subject.mixture.statistics
    gain = Rescale(shift, 64 - shift, 64, Form.BOUNDED)
    return gain, Rescale(FRACTION_BITS, 64 - FRACTION_BITS, subject.program.ring, Form.BOUNDED)


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
    dealing = _Dealing(dealer, comparison, subject, masks)
    for layer in subject.program.layers:
        if isinstance(layer, Normalisation):
            gate, skew, bias = dealing.normalisation(layer)
            yield gate
            result.add(layer.name, skew, bias, layer.geometry, layer.outputs)
        elif layer.norm is None:
            result.add(layer.name, dealing.raw(layer), np.zeros(layer.outputs, np.int64), layer.geometry, layer.groups)
        else:
            gate, skew, bias = dealing.folded(layer, layer.norm)
            yield gate
            result.add(layer.name, skew, bias, layer.geometry, layer.groups)


class _Dealing:
    """Deals what one model's layers need: masks of opened weights, as differences, and the offsets of biases."""

    def __init__(
        self,
        dealer: Callable[[str], GateDealer],
        comparison: Comparison,
        subject: Subject,
        masks: Mapping[str, MaskShares],
    ) -> None:
        self._dealer = dealer
        self._comparison = comparison
        self._masks = masks
        self._other = np.int64(subject.mixture.other)
        self._mixture = subject.mixture
        self._gain_gate, self._weight_gate = _gates(subject)

    def raw(self, affine: Affine) -> IntArray:
        """Return the difference of weights without batch normalisation, whose opening is the update's."""
        weights = self._masks[f"{affine.name}.weight"]
        skew = affine.live(weights.difference) * self._other
        return skew.sum(axis=1, keepdims=True) if affine.grayscale else skew

    def folded(self, affine: Affine, norm: str) -> tuple[GateDealer, IntArray, IntArray]:
        """Return the gate of weights that are folded and opened, their difference and the bias' offset."""
        gate, gain = self._gain(affine.name, norm)
        weights = affine.live(self._masks[f"{affine.name}.weight"].total)
        self._weight_gate.deal(gate, self._comparison, weights.shape, -weights * self._other * _column(gain.total))
        own = self._masks[f"{affine.name}.bias"].total * self._other if affine.bias else np.int64(0)
        skew = gate.mask_shares(weights[:, :1].shape if affine.grayscale else weights.shape).difference
        return gate, skew, -gain.total * (own - self._mean(norm))

    def normalisation(self, layer: Normalisation) -> tuple[GateDealer, IntArray, IntArray]:
        """Return the gate of an opened gain, the difference of 2^k times it, and the bias' offset."""
        gate, gain = self._gain(layer.name, layer.name)
        return gate, _column(gain.difference << np.int64(self._mixture.bits)), gain.total * self._mean(layer.name)

    def _gain(self, name: str, norm: str) -> tuple[GateDealer, MaskShares]:
        gate = self._dealer(f"{name}.fold")
        scale = self._masks[f"{norm}.scale"].total
        product = self._masks[f"{norm}.weight"].total * self._other * scale
        self._gain_gate.deal(gate, self._comparison, scale.shape, -product)
        return gate, gate.mask_shares(scale.shape)

    def _mean(self, norm: str) -> IntArray:
        return self._masks[f"{norm}.mean"].total << np.int64(self._mixture.mean_shift)


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
    half = np.int64(1 << (FRACTION_BITS + mixture.bits - 1)) if party.index == 0 else np.int64(0)
    for layer in program.layers:
        if isinstance(layer, Normalisation):
            folding = _Folding(party, randomness(f"{layer.name}.fold"), comparison, subject)
            weights, bias = folding.normalisation(layer, mixed)
            result.add(layer.name, weights, bias + half, layer.geometry, layer.outputs)
            continue
        if layer.norm is None:
            weights, bias = _unfolded(layer, mixed, party.index)
        else:
            folding = _Folding(party, randomness(f"{layer.name}.fold"), comparison, subject)
            weights, bias = folding.folded(layer, layer.norm, mixed)
        result.add(layer.name, weights, bias + half if layer.rounds else bias, layer.geometry, layer.groups)
    return result


def _unfolded(layer: Affine, mixed: _Mixed, party: int) -> tuple[Masked, IntArray]:
    """Return a layer's masked live weights and its bias' share: both are local."""
    weights = mixed(f"{layer.name}.weight", layer.live)
    if layer.grayscale:
        weights = Masked(*(part.sum(axis=1, keepdims=True) for part in (weights.public, weights.mask)))
    if not layer.bias:
        return weights, np.zeros(layer.outputs, dtype=np.int64)
    return weights, mixed(f"{layer.name}.bias").share(party) << np.int64(FRACTION_BITS)


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

    def __init__(self, party: Party, randomness: GateRandomness, comparison: Comparison, subject: Subject) -> None:
        self._party = party
        self._randomness = randomness
        self._comparison = comparison
        self._ring = subject.program.ring
        self._gain_gate, self._weight_gate = _gates(subject)

    def folded(self, affine: Affine, norm: str, mixed: _Mixed) -> tuple[Masked, IntArray]:
        """Return the opened weights of a layer with a batch normalisation folded into it, and the bias' share."""
        gain = self._gain(norm, mixed)
        columns = Masked(_column(gain.public), _column(gain.mask))
        folded = self._rounded(self._weight_gate, self._times(mixed(f"{affine.name}.weight", affine.live), columns))
        if affine.grayscale:
            folded = folded.sum(axis=1, keepdims=True)
        inner = self._centre(norm, mixed)
        if affine.bias:
            own = mixed(f"{affine.name}.bias")
            inner = Masked(inner.public + own.public, inner.mask + own.mask)
        bias = self._times(gain, inner) + self._shift(norm, mixed)
        weights = self._opened(folded, self._ring)
        self._randomness.finish()
        return weights, bias

    def normalisation(self, layer: Normalisation, mixed: _Mixed) -> tuple[Masked, IntArray]:
        """Return the opened 2^k·g of a batch normalisation of its own, and the share of b'."""
        gain = self._gain(layer.name, mixed)
        bias = self._times(gain, self._centre(layer.name, mixed)) + self._shift(layer.name, mixed)
        self._randomness.finish()
        bits = np.int64(mixed.mixture.bits)
        return Masked(_column(gain.public << bits), _column(gain.mask << bits)), bias

    def _gain(self, norm: str, mixed: _Mixed) -> Masked:
        product = self._times(mixed(f"{norm}.weight"), mixed.masked[f"{norm}.scale"])
        return self._opened(self._rounded(self._gain_gate, product))

    def _centre(self, norm: str, mixed: _Mixed) -> Masked:
        mean, shift = mixed.masked[f"{norm}.mean"], np.int64(mixed.mixture.mean_shift)
        return Masked(-(mean.public << shift), -(mean.mask << shift))

    def _shift(self, norm: str, mixed: _Mixed) -> IntArray:
        return mixed(f"{norm}.bias").share(self._party.index) << np.int64(FRACTION_BITS)

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


def _column(values: IntArray) -> IntArray:
    """Shape per-channel values for weights (outputs, inputs, rows, columns)."""
    return values.reshape(-1, 1, 1, 1)
