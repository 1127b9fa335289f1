# SPDX-License-Identifier: Apache-2.0
"""Makes and changes the consortium, the root of trust of every other transaction."""

from __future__ import annotations

from medquorum.chaincode.access import check_client
from medquorum.chaincode.arguments import Json
from medquorum.chaincode.context import Context, sha256
from medquorum.chaincode.dispatch import Answer, evaluate, transaction
from medquorum.core.documents.consortium import Consortium, ConsortiumProposal, founding_hash
from medquorum.errors import ContractError


@transaction
def init_consortium(context: Context, document: Json) -> Answer:
    """Write the first consortium, {quorum, members}; once, by an administrator of one of its members."""
    check_client(context, "admin")
    if context.find(Consortium) is not None:
        raise ContractError("CONSORTIUM_EXISTS", "the consortium is initialised", "Change it with UpdateConsortium")
    consortium = Consortium.from_argument("BAD_CONSORTIUM", document, sequence=1)
    if context.msp not in consortium.members:
        raise ContractError("ACCESS_DENIED", f"{context.msp} is not a member of the consortium it proposes")
    founding, expected = founding_hash(consortium.quorum, consortium.members), context.node.founding
    if founding != expected:
        raise ContractError(
            "BAD_CONSORTIUM",
            f"{context.node.msp_id} expects the consortium {expected or 'of nobody'}, this is {founding}",
            "Send the members, roles and quorum of consortium.toml: MEDQUORUM_CONSORTIUM_HASH of the process is theirs",
        )
    return _replace(context, consortium)


@transaction
def update_consortium(context: Context, document: Json) -> Answer:
    """Approve {quorum, members} as the next consortium; it takes effect with the same approval of k verifiers."""
    check_client(context, "admin")
    current = context.get(Consortium)
    verifiers = current.having("verifier")
    if context.msp not in verifiers:
        raise ContractError("ACCESS_DENIED", f"{context.msp} is not a verifier", f"The verifiers are {verifiers}")
    following = Consortium.from_argument("BAD_CONSORTIUM", document, sequence=current.sequence + 1)
    own = ConsortiumProposal(msp=context.msp, sequence=following.sequence, hash=sha256(following.encode()))
    others = [context.find(ConsortiumProposal, msp) for msp in verifiers if msp != context.msp]
    agreeing = [p.msp for p in others if p and (p.sequence, p.hash) == (own.sequence, own.hash)]
    context.put(own)
    if len(agreeing) + 1 >= current.quorum:
        return _replace(context, following)
    return {"sequence": current.sequence, "approved": sorted([*agreeing, context.msp]), "required": current.quorum}


@evaluate
def read_consortium(context: Context) -> Answer:
    """Read the consortium."""
    return context.get(Consortium).plain()


def _replace(context: Context, consortium: Consortium) -> Answer:
    context.put(consortium)
    context.event("ConsortiumChanged", sequence=consortium.sequence)
    return consortium.plain()
