"""What an operator wants otherwise than the files: limits, mints, prices."""

from __future__ import annotations

from typing import Final

from overmind.http.commands.learner import LearnerModeBody
from overmind.http.commands.limits import LimitsBody, MintListBody
from overmind.http.commands.prices import PriceBody, PriceTaken
from overmind.http.reference.operation import NO_WALLET, REFUSED, Fault, Operation, Topic
from overmind.views.learner import LearnerRow
from overmind.views.limits import Mints, WalletLimits

LIMITS: Final = Topic(
    "Limits, mints and prices",
    "Every change is durable before the answer, and journaled with who and why.",
    (
        Operation(
            "POST",
            "/v1/wallets/{wallet_id}/limits",
            WalletLimits,
            "`changes` has the names of a wallet's JSON, such as `max_daily_loss` and `Arbitrage.share`. Null goes "
            "back to the files, and `reset` does so for all. 400 lists all that is misspelt, 409 all that exceeds a "
            "ceiling.",
            body=LimitsBody,
            example='{"reason": "a quiet week", "by": "ann", "changes": {"max_daily_loss": 500}}',
            faults=(NO_WALLET, REFUSED),
        ),
        Operation(
            "POST",
            "/v1/mints",
            Mints,
            "The first `allow` creates the allow list: from then on only its mints are bought.",
            body=MintListBody,
            example='{"reason": "its pool was drained", "verb": "block", "token": "SOL", "by": "ann"}',
            faults=(REFUSED,),
        ),
        Operation(
            "POST",
            "/v1/learner/mode",
            LearnerRow,
            "409 if it may not decide now: today's loss budget is spent, or its forecasts are worse than configured. "
            "The mode that it has already confirms that it fell back.",
            body=LearnerModeBody,
            example='{"reason": "a look at its losses", "mode": "shadow", "by": "ann"}',
            faults=(REFUSED,),
        ),
        Operation(
            "POST",
            "/v1/prices/{token}/accept",
            PriceTaken,
            "What the token costs according to you, when its price is doubted.",
            body=PriceBody,
            example='{"reason": "two exchanges agree", "price": "147.48"}',
            faults=(Fault(409, "the desk has no doubt about it, or refuses the price", "do what `error` says"),),
        ),
    ),
)
