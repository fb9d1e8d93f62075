"""Moves of capital."""

from __future__ import annotations

from typing import Final

from overmind.http.commands.bodies import ReasonBody
from overmind.http.commands.capital import MoveCancelled, RebalanceBody, Rebalanced, WithdrawalBody
from overmind.http.reference.operation import REFUSED, Fault, Operation, Topic
from overmind.views.moves import WithdrawalRow

CAPITAL: Final = Topic(
    "Capital",
    "Every change is durable before the answer.",
    (
        Operation(
            "POST",
            "/v1/rebalance",
            Rebalanced,
            "The plan, and the ids of the transfers that it placed; `dry_run` places none.",
            body=RebalanceBody,
            example='{"reason": "month\'s end", "dry_run": true}',
            faults=(REFUSED,),
        ),
        Operation(
            "POST",
            "/v1/withdrawals",
            WithdrawalRow,
            "Holds the amount and sends it after the delay. Without a `request_id`, the same content is the same "
            "request, and is paid once.",
            body=WithdrawalBody,
            example='{"reason": "rent", "wallet_id": "primary_wallet", "amount": "250.5", "token": "USDC", '
            '"to": "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin", "request_id": "rent-may"}',
            faults=(Fault(409, "the desk refuses it, or that request came to nothing", "use another `request_id`"),),
        ),
        Operation(
            "POST",
            "/v1/moves/{move_id}/cancel",
            MoveCancelled,
            "Cancels a move that was not begun. Refused once it is signed.",
            body=ReasonBody,
            example='{"reason": "not needed any more"}',
            faults=(REFUSED,),
        ),
    ),
)
