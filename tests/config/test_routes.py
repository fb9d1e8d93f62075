"""Routes of wallets: what is read, what a type needs, and what is refused because it would protect nothing."""

from __future__ import annotations

import pytest
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config import MultiWalletConfig
from overmind.core.model.desk_settings import CostModel
from overmind.core.model.ids import WalletId
from overmind.core.model.route import Expected, RouteName

PUBLIC, RELAY = RouteName.PUBLIC, RouteName.RELAY
LOCAL = {"OVERMIND_RELAY_URLS": "http://127.0.0.1:8899/api/v1", "OVERMIND_RELAY_TIP_LAMPORTS": "20000"}
LIVE = {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "localnet"}


def routes(config: MultiWalletConfig, wallet_id: str) -> tuple[RouteName, ...]:
    return config.wallets[WalletId(wallet_id)].wallet.routes


def protected(desk: DeskOnDisk) -> dict[str, str]:
    """`hft_wallet` is of the type that must be protected."""
    return {"OVERMIND_MANAGED_WALLETS": desk.env["OVERMIND_MANAGED_WALLETS"].replace(":hft:", ":mev:")}


def test_a_desk_without_a_relay_compares_no_routes(desk: DeskOnDisk) -> None:
    config = desk.load()
    assert {known.wallet.routes for known in config.wallets.values()} == {(PUBLIC,)}
    assert config.desk.routing.routes == {}
    assert config.desk.costs.fee_max_lamports == CostModel().fee_max_lamports


def test_routes_are_read_in_their_order_with_what_is_expected_of_each(desk: DeskOnDisk) -> None:
    config = desk.load(
        OVERMIND_WALLET_ROUTES="primary_wallet: relay+Public, hft_wallet:relay",
        OVERMIND_RELAY_LANDING_PERCENT="98",
        OVERMIND_RELAY_SLOTS="1",
        OVERMIND_RELAY_TIP_MAX_LAMPORTS="50000",
        OVERMIND_RELAY_PRIORITY_LAMPORTS="5000",
        OVERMIND_ROUTING_PRIORITY_LAMPORTS="7000",
    )
    assert (routes(config, "primary_wallet"), routes(config, "hft_wallet")) == ((RELAY, PUBLIC), (RELAY,))
    assert config.desk.routing.routes == {
        PUBLIC: Expected(950_000, 2, 7_000),
        RELAY: Expected(980_000, 1, 5_000, 10_000, 50_000),
    }
    assert config.desk.costs.fee_max_lamports == 150_000


def test_a_wallet_that_must_be_protected_has_the_relay_alone(desk: DeskOnDisk) -> None:
    config = desk.load(**protected(desk))
    assert (routes(config, "hft_wallet"), routes(config, "primary_wallet")) == ((RELAY,), (PUBLIC,))
    assert set(config.desk.routing.routes) == {PUBLIC, RELAY}


def test_a_fixed_tip_is_what_the_relay_is_expected_to_cost(desk: DeskOnDisk) -> None:
    config = desk.load(**LIVE, **LOCAL, OVERMIND_WALLET_ROUTES="hft_wallet:relay")
    assert config.desk.routing.routes[RELAY].tip_lamports == 20_000


REFUSED = """
hft_wallet              | names no routes
hft_wallet:             | names no routes
hft_wallet:tunnel       | names no routes
hft_wallet:relay+relay  | names no routes
nobody:relay            | not among the managed wallets
hft_wallet:relay,hft_wallet:public | listed twice
"""


@pytest.mark.parametrize("row", REFUSED.strip().splitlines())
def test_what_names_no_wallet_or_no_route_is_refused(desk: DeskOnDisk, row: str) -> None:
    listed, why = (cell.strip() for cell in row.split("|"))
    (problem,) = desk.problems(OVERMIND_WALLET_ROUTES=listed)
    assert problem.where.startswith("OVERMIND_WALLET_ROUTES")
    assert why in problem.problem


def test_a_wallet_that_must_be_protected_cannot_be_public_alone(desk: DeskOnDisk) -> None:
    (problem,) = desk.problems(**protected(desk), OVERMIND_WALLET_ROUTES="hft_wallet:public")
    assert "has no protected route" in problem.problem


def test_a_relay_that_is_not_there_is_refused_by_name_and_warned_of_by_type(desk: DeskOnDisk) -> None:
    (problem,) = desk.problems(**LIVE, OVERMIND_WALLET_ROUTES="hft_wallet:public+relay")
    assert problem.problem == "localnet has no relay"
    config = desk.load(**LIVE, **protected(desk))
    (warning,) = (one for one in config.warnings if "protected route" in one.problem)
    assert "every entry of hft_wallet will be refused" in warning.problem
    assert config.desk.routing.routes == {}
