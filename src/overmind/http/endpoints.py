"""Every route of the service in one table: who may call it, and what it is for.

A route that is not in the table is served to nobody. The document `docs/http-api.md` and OpenAPI are made from it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from overmind.core.model.value import Value


class Role(IntEnum):
    """What a person or a token may do. Each role may also do what the lower ones may."""

    READ = 1  # look at everything
    SIGNAL = 2  # send signals
    OPERATE = 3  # stop, pause, close, rebalance
    ADMIN = 4  # limits, mints, money that leaves, users, tokens


class Endpoint(Value, frozen=True):
    """A route. `role` None: anybody may call it, without a token."""

    method: str
    path: str  # a template, such as /v1/wallets/{wallet_id}/limits
    role: Role | None
    summary: str
    of_sources: bool = False  # a token that a source has may call it too, and is told of that source alone


ENDPOINTS: Final = (
    Endpoint("GET", "/healthz", None, "Tells that the process is alive."),
    Endpoint("GET", "/readyz", None, "Tells whether the desk can trade, and why not."),
    Endpoint("GET", "/metrics", Role.READ, "Metrics for Prometheus: headroom, orders, latencies, PnL, the machine."),
    Endpoint("POST", "/login", None, "Begins a session of a user: a form with `username`, `password` and `next`."),
    Endpoint("POST", "/logout", Role.READ, "Ends the session."),
    Endpoint("GET", "/openapi.json", Role.READ, "Describes every route for programs, as OpenAPI 3.1."),
    Endpoint("GET", "/reference", Role.READ, "Describes every route for people, as a page."),
    Endpoint("GET", "/", Role.READ, "Leads to the overview."),
    Endpoint("GET", "/login", None, "The form to log in with."),
    Endpoint("GET", "/static/{name}", None, "Styles, scripts and the icon of the page."),
    Endpoint("GET", "/desk/stream", Role.READ, "Tells open pages when to look again, as server-sent events."),
    Endpoint("GET", "/desk", Role.READ, "Page: where the desk stands, its holds, and what needs a person now."),
    Endpoint("GET", "/desk/signals", Role.READ, "Page: signals with their answers, and what would have had to change."),
    Endpoint("GET", "/desk/signals/{signal_id}", Role.READ, "Page: a signal's life, and why this wallet."),
    Endpoint("GET", "/desk/orders", Role.READ, "Page: orders with their stages, and cost against expectation."),
    Endpoint("GET", "/desk/capital", Role.READ, "Page: the plan of a rebalance, moves, withdrawals, SOL for fees."),
    Endpoint("GET", "/desk/events", Role.READ, "Page: the journal in words, searchable."),
    Endpoint("GET", "/desk/events/{seq}", Role.READ, "Page: an entry, what led to it and what it led to."),
    Endpoint("GET", "/desk/accounts", Role.READ, "Page: gains by lot and costs of a period."),
    Endpoint("GET", "/desk/accounts/{name}", Role.READ, "The accounts of a period as a file of CSV."),
    Endpoint("GET", "/desk/charts", Role.READ, "Page: equity, drawdown, prices with fills and refusals, PnL by day."),
    Endpoint("GET", "/desk/charts/data", Role.READ, "The points of the charts."),
    Endpoint("GET", "/desk/settings", Role.READ, "Page: limits with who changed what, mints, users, tokens."),
    Endpoint("GET", "/desk/wallets", Role.READ, "Page: every wallet with a meter for each limit."),
    Endpoint("GET", "/desk/wallets/{wallet_id}", Role.READ, "Page: a wallet's limits, positions, orders and history."),
    Endpoint("GET", "/desk/positions", Role.READ, "Page: every position with its PnL and the distance to its stop."),
    Endpoint("GET", "/desk/learner", Role.READ, "Page: the learner's mode, losses, forecasts and beliefs."),
    Endpoint("GET", "/desk/risk", Role.READ, "Page: limits, concentration, stress, breakers, what would trip next."),
    Endpoint("POST", "/desk/theme", Role.READ, "Form: the colours of the page."),
    Endpoint("POST", "/desk/emergency-stop", Role.OPERATE, "Form: stops all entries."),
    Endpoint("POST", "/desk/wallets/{wallet_id}/reactivate", Role.OPERATE, "Form: lets a stopped wallet trade again."),
    Endpoint("POST", "/desk/wallets/{wallet_id}/{verb}", Role.OPERATE, "Form: pauses or resumes a wallet."),
    Endpoint("POST", "/desk/strategies/{strategy}/{verb}", Role.OPERATE, "Form: pauses or resumes a strategy."),
    Endpoint("POST", "/desk/portfolio/{verb}", Role.OPERATE, "Form: pauses or resumes the whole desk."),
    Endpoint("POST", "/desk/positions/{wallet_id}/{token}/close", Role.OPERATE, "Form: sells all of a position."),
    Endpoint("POST", "/desk/rebalance", Role.OPERATE, "Form: moves capital towards the wallets' allocations."),
    Endpoint("POST", "/desk/moves/{move_id}/cancel", Role.OPERATE, "Form: cancels a transfer that is not signed yet."),
    Endpoint("GET", "/v1/portfolio", Role.READ, "Equity, day PnL, drawdown, exposure and holds of the whole desk."),
    Endpoint("GET", "/v1/wallets", Role.READ, "Each wallet: what it has free and held, its status and its results."),
    Endpoint("GET", "/v1/positions", Role.READ, "What each wallet holds of each token, with cost, value and PnL."),
    Endpoint("GET", "/v1/prices", Role.READ, "What each token costs by the newest price that is believed."),
    Endpoint("GET", "/v1/stats", Role.READ, "Counts and rates of what was decided and executed."),
    Endpoint("GET", "/v1/risk", Role.READ, "Every limit with its use, holds, concentration, stress and alarms."),
    Endpoint("GET", "/v1/limits", Role.READ, "Every wallet's limits: by the files, in force, and who changed them."),
    Endpoint("GET", "/v1/learner", Role.READ, "The learner's mode, losses, forecasts and exploring."),
    Endpoint("GET", "/v1/mints", Role.READ, "Blocked and allowed mints, each with who and why."),
    Endpoint("GET", "/v1/orders", Role.READ, "Open orders, and the last ones that closed."),
    Endpoint("GET", "/v1/moves", Role.READ, "Transfers between wallets, withdrawals and reclaimed rent."),
    Endpoint("GET", "/v1/refusals", Role.READ, "The last refused signals, with rule, limit and actual value."),
    Endpoint("GET", "/v1/signals/{signal_id}", Role.READ, "The whole life of a signal, and why this wallet."),
    Endpoint("GET", "/v1/events", Role.READ, "Entries of the journal, page by page.", of_sources=True),
    Endpoint(
        "GET", "/v1/stream", Role.READ, "Entries of the journal as server-sent events, past and live.", of_sources=True
    ),
    Endpoint(
        "POST",
        "/v1/signals",
        Role.SIGNAL,
        "Takes one signal or a batch; answers once each decision is durable.",
        of_sources=True,
    ),
    Endpoint("POST", "/v1/emergency-stop", Role.OPERATE, "Stops all entries; sells everything if asked to."),
    Endpoint("POST", "/v1/wallets/{wallet_id}/reactivate", Role.OPERATE, "Lets a stopped wallet trade again."),
    Endpoint("POST", "/v1/wallets/{wallet_id}/{verb}", Role.OPERATE, "Pauses or resumes a wallet."),
    Endpoint("POST", "/v1/strategies/{strategy}/{verb}", Role.OPERATE, "Pauses or resumes a strategy."),
    Endpoint("POST", "/v1/portfolio/{verb}", Role.OPERATE, "Pauses or resumes the whole desk."),
    Endpoint(
        "POST",
        "/v1/positions/{wallet_id}/{token}/close",
        Role.OPERATE,
        "Sells all of a position.",
    ),
    Endpoint("POST", "/v1/positions/{wallet_id}/{token}/write-off", Role.OPERATE, "Stops counting dust."),
    Endpoint(
        "POST",
        "/v1/rebalance",
        Role.OPERATE,
        "Moves capital towards the wallets' allocations.",
    ),
    Endpoint("POST", "/v1/moves/{move_id}/cancel", Role.OPERATE, "Cancels a transfer that is not signed yet."),
    Endpoint("POST", "/v1/clock/accept", Role.OPERATE, "Believes the machine's clock again after a jump."),
    Endpoint("POST", "/v1/prices/{token}/accept", Role.ADMIN, "Says what a token costs, from a source of one's own."),
    Endpoint("POST", "/v1/wallets/{wallet_id}/accept", Role.ADMIN, "Books what the chain has otherwise."),
    Endpoint(
        "POST",
        "/v1/wallets/{wallet_id}/accept-history",
        Role.ADMIN,
        "Accepts unread history.",
    ),
    Endpoint("POST", "/v1/orders/{order_id}/book-from-chain", Role.ADMIN, "Books an order as it landed on the chain."),
    Endpoint("POST", "/v1/wallets/{wallet_id}/limits", Role.ADMIN, "Changes limits of a wallet."),
    Endpoint("POST", "/v1/mints", Role.ADMIN, "Blocks a mint, or allows only certain ones."),
    Endpoint("POST", "/v1/learner/mode", Role.ADMIN, "Says whether the learner decides."),
    Endpoint("GET", "/v1/users", Role.ADMIN, "The users with their roles, and who changed each last."),
    Endpoint("POST", "/v1/users", Role.ADMIN, "Adds a user."),
    Endpoint("POST", "/v1/users/{name}/remove", Role.ADMIN, "Removes a user, whose sessions end."),
    Endpoint("POST", "/v1/users/{name}/role", Role.ADMIN, "Gives a user another role."),
    Endpoint("POST", "/v1/users/{name}/password", Role.ADMIN, "Gives a user another password; their sessions end."),
    Endpoint("GET", "/v1/tokens", Role.ADMIN, "The tokens with their roles, and when each was used last."),
    Endpoint("POST", "/v1/tokens", Role.ADMIN, "Makes a token and tells its secret, this once."),
    Endpoint("POST", "/v1/tokens/{name}/revoke", Role.ADMIN, "Revokes a token."),
    Endpoint("GET", "/v1/hooks", Role.ADMIN, "The sources that send signals by webhook, without their secrets."),
    Endpoint("POST", "/v1/hooks", Role.ADMIN, "Adds a source and tells where it sends to, with the secret, this once."),
    Endpoint("POST", "/v1/hooks/{name}/rotate", Role.ADMIN, "Gives a source another secret and tells it, this once."),
    Endpoint("POST", "/v1/hooks/{name}/remove", Role.ADMIN, "Removes a source, whose hook is served no more."),
    Endpoint("POST", "/v1/hooks/{name}/answers", Role.ADMIN, "Says where the answers to a source are sent."),
    Endpoint("POST", "/v1/hooks/{name}/rotate-answers", Role.ADMIN, "Gives a source's answers another key, told once."),
    Endpoint("POST", "/v1/hooks/{name}/stop-answers", Role.ADMIN, "Sends a source no more answers."),
    Endpoint("POST", "/v1/hooks/tradingview/{source}/{secret}", None, "Takes an alert of TradingView as a signal."),
    Endpoint("POST", "/v1/hooks/freqtrade/{source}/{secret}", None, "Takes what freqtrade filled as a signal."),
    Endpoint("GET", "/welcome/{secret}", None, "The form that makes the first admin, by the link of the terminal."),
    Endpoint("POST", "/welcome/{secret}", None, "Makes the first admin: a form with `username` and `password`."),
    Endpoint("POST", "/v1/withdrawals", Role.ADMIN, "Sends money out of a wallet, after its waiting time."),
)
