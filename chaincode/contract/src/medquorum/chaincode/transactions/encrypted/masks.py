# SPDX-License-Identifier: Apache-2.0
"""The dealer's word on the masks of the accepted updates, before their sum is opened: it binds the sum to them.

From then on the sum counts as opened, whatever becomes of the round.
"""

from __future__ import annotations

from medquorum.chaincode.access import check_member
from medquorum.chaincode.arguments import HashText, RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, transaction
from medquorum.chaincode.state.rounds import get_round
from medquorum.chaincode.transactions.task import get_task
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.core.documents.aggregation.opened import OVERLAP, OpenedSum, revealing
from medquorum.core.documents.consortium import Consortium
from medquorum.errors import ContractError


@transaction
def attest_masks(context: Context, task: TaskId, round_number: RoundNumber, hash: HashText) -> Answer:
    """Record the dealer's hash of the accepted updates' masks, once, while aggregating."""
    document = get_task(context, task)
    document.expect("encrypted", "There are no masks")
    dealer = None if document.encrypted is None else document.encrypted.dealer
    check_member(context, "dealer", context.get(Consortium).having("dealer"), [dealer])
    round_ = get_round(context, task, round_number)
    round_.expect("aggregating")
    if context.find(Masks, task, round_number) is not None:
        raise ContractError("ALREADY_ATTESTED", f"the masks of round {round_number} were attested before")
    beside = revealing(round_.summands, document.minimum_accepted, context.list(OpenedSum, round_.base))
    if beside is not None:
        raise ContractError(
            OVERLAP,
            f"the sum of {len(beside.weights)} other updates on this base was opened in round {beside.round} of "
            f"{beside.task}",
            "Abort the round: the difference of the two sums would tell about few hospitals",
        )
    attested = Masks(task=task, round=round_number, dealer=context.msp, weights=round_.summands, hash=hash)
    context.put(attested)
    context.put(
        OpenedSum(
            base=round_.base,
            round=round_number,
            task=task,
            weights=round_.summands,
            minimum=document.minimum_accepted,
        )
    )
    context.event("MasksAttested", task=task, round=round_number)
    return attested.plain()
