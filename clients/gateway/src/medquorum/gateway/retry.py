# SPDX-License-Identifier: Apache-2.0
"""Which failures are worth a fresh proposal."""

from __future__ import annotations

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from medquorum.gateway.errors import CommitError, CommitStatusError, GatewayError, SubmitError
from medquorum.gateway.failures import chaincode_message, identity_refused

__all__ = ["retrying", "worth_retrying"]

# As in Fabric's own sample (asset-transfer-basic/rest-api-typescript).
RETRIED_VALIDATION_CODES = frozenset(
    {
        "MVCC_READ_CONFLICT",
        "PHANTOM_READ_CONFLICT",
        "ENDORSEMENT_POLICY_FAILURE",
        "CHAINCODE_VERSION_CONFLICT",
        "EXPIRED_CHAINCODE",
    }
)
# ABORTED: endorsers differ, or a peer or chaincode process is away; FAILED_PRECONDITION: too few peers known yet.
RETRIED_GATEWAY_CODES = frozenset({"UNAVAILABLE", "ABORTED", "FAILED_PRECONDITION"})


def worth_retrying(error: BaseException) -> bool:
    """Return whether the same transaction may go well with a fresh proposal.

    Never after a chaincode's refusal, a refused identity or a duplicate, and never after ``SubmitError`` and
    ``CommitStatusError``, whose transaction may be committed: see ``Submissions``.
    """
    if isinstance(error, CommitError):
        return error.code in RETRIED_VALIDATION_CODES
    if isinstance(error, SubmitError | CommitStatusError) or not isinstance(error, GatewayError):
        return False
    final = chaincode_message(error) is not None or identity_refused(error)
    return error.code in RETRIED_GATEWAY_CODES and not final


def retrying(attempts: int = 5, first_wait: float = 0.1, longest_wait: float = 5) -> Retrying:
    """Make a retry of whole transactions: ``retrying()(contract.submit_transaction, "CloseRound", "1")``.

    The function must build its proposal itself, so that each attempt has a fresh one. The last error is raised.

    Parameters
    ----------
    attempts
        How often to try in all.
    first_wait, longest_wait
        Bounds of the random wait between attempts, in seconds; the first one doubles each time.
    """
    return Retrying(
        retry=retry_if_exception(worth_retrying),
        wait=wait_random_exponential(multiplier=first_wait, max=longest_wait),
        stop=stop_after_attempt(attempts),
        reraise=True,
    )
