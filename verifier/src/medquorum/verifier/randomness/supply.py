# SPDX-License-Identifier: Apache-2.0
"""A party's supply of material: every name is used once, in the order in which the dealer deals."""

from __future__ import annotations

from collections.abc import Callable

from medquorum.errors import MaterialError
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.material import GateRandomness
from medquorum.verifier.randomness.parts import GateMessage

__all__ = ["Supply"]


class Supply:
    """Gives a party the material of each gate.

    Parameters
    ----------
    seed
        Shared with the dealer.
    receive
        Returns the dealer's next (name, message).
    consume
        Called with a name before its material is first used; raises MaterialError when it was used before.
    mask_seed
        Of the mask of the update's parameters, the same in all attempts; the verification's own unless given.
    """

    def __init__(
        self,
        party: int,
        seed: bytes,
        receive: Callable[[], tuple[MaterialId, GateMessage]],
        consume: Callable[[MaterialId], None] | None = None,
        mask_seed: bytes | None = None,
    ) -> None:
        self.bytes_received = 0
        self._party = party
        self._seed = seed
        self.mask_seed = seed if mask_seed is None else mask_seed
        self._receive = receive
        self._used: set[MaterialId] = set()
        self._consume = self._remember if consume is None else consume

    def randomness(self, name: MaterialId) -> GateRandomness:
        """Return the material of this gate.

        Raises
        ------
        MaterialError
            It was used before, or the dealer's next material is another gate's.
        """
        return GateRandomness(self._party, self._seed, name, self._next(name))

    def randomness_of_update(self, name: MaterialId) -> GateRandomness:
        """Return the material of the gate that opens the update's parameters; raises as :meth:`randomness`."""
        return GateRandomness(self._party, self.mask_seed, name.of_update(), self._next(name))

    def _next(self, name: MaterialId) -> GateMessage:
        received, message = self._receive()
        if received != name:
            raise MaterialError(
                f"the dealer's next material is for {received}, not for {name}",
                "Begin the batch anew with a new attempt number",
            )
        self._consume(name)
        self.bytes_received += len(message)
        return message

    def _remember(self, name: MaterialId) -> None:
        if name in self._used:
            raise MaterialError(f"the material for {name} was used before", "Ask the dealer for a new attempt")
        self._used.add(name)
