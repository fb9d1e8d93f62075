"""The default limits, as the tables of specification §4 and §7.3 print them."""

import pytest

from overmind.core.model import defaults
from overmind.core.model.enums import RiskProfile, StrategyType, WalletType
from overmind.core.model.units import MICROS

# type | daily loss, position, exposure %, concurrent, stop loss %, trades/day, risk level
ROWS = """
Conservative  |   100 |  1000 | 20 |  3 | 2 |  10 | 0.2
Primary       |  1000 | 10000 | 80 | 10 | 5 | 100 | 0.5
Secondary     |  1000 | 10000 | 80 | 10 | 5 | 100 | 0.5
MEVProtection |  1000 | 10000 | 80 | 10 | 5 | 100 | 0.5
Arbitrage     |  1500 | 15000 | 85 | 12 | 3 | 150 | 0.6
HFT           |  2000 | 20000 | 90 | 15 | 3 | 200 | 0.7
Experimental  |    50 |   500 | 10 |  2 | 1 |   5 | 0.9
"""


@pytest.mark.parametrize("row", ROWS.strip().splitlines())
def test_a_type_has_the_row_of_the_table(row: str) -> None:
    name, *cells = (cell.strip() for cell in row.split("|"))
    limits = defaults.TYPE_LIMITS[WalletType(name)]
    assert cells == [
        str(limits.daily_loss_max_micros // MICROS),
        str(limits.position_max_micros // MICROS),
        str(limits.exposure_max_ppm // 10_000),
        str(limits.positions_max),
        str(limits.stop_loss_ppm // 10_000),
        str(limits.trades_per_day_max),
        str(limits.risk_level_ppm / 1_000_000),
    ]


def test_a_profile_has_the_row_of_its_type() -> None:
    assert {profile: defaults.PROFILE_LIMITS[profile] for profile in RiskProfile} == {
        RiskProfile.LOW: defaults.TYPE_LIMITS[WalletType.CONSERVATIVE],
        RiskProfile.MEDIUM: defaults.TYPE_LIMITS[WalletType.PRIMARY],
        RiskProfile.HIGH: defaults.TYPE_LIMITS[WalletType.HFT],
        RiskProfile.EXPERIMENTAL: defaults.TYPE_LIMITS[WalletType.EXPERIMENTAL],
    }


# type | profile | daily loss, position, exposure %, concurrent, stop loss %, trades/day, risk level %
STRICTER = """
Primary      | medium       | 1000 | 10000 | 80 | 10 | 5 | 100 | 50
HFT          | medium       | 1000 | 10000 | 80 | 10 | 3 | 100 | 70
Primary      | high         | 1000 | 10000 | 80 | 10 | 3 | 100 | 70
Arbitrage    | high         | 1500 | 15000 | 85 | 12 | 3 | 150 | 70
Conservative | experimental |   50 |   500 | 10 |  2 | 1 |   5 | 90
Emergency    | low          |  100 |     0 | 20 |  0 | 2 |  10 | 20
Emergency    | high         | 2000 |     0 | 90 |  0 | 3 | 200 | 70
"""


@pytest.mark.parametrize("row", STRICTER.strip().splitlines())
def test_the_stricter_of_type_and_profile_holds_field_by_field(row: str) -> None:
    wallet_type, profile, *cells = (cell.strip() for cell in row.split("|"))
    limits = defaults.default_limits(WalletType(wallet_type), RiskProfile(profile))
    assert [int(cell) for cell in cells] == [
        limits.daily_loss_max_micros // MICROS,
        limits.position_max_micros // MICROS,
        limits.exposure_max_ppm // 10_000,
        limits.positions_max,
        limits.stop_loss_ppm // 10_000,
        limits.trades_per_day_max,
        limits.risk_level_ppm // 10_000,
    ]


SPLITS = """
Primary       | TokenSniping 40/5000, Arbitrage 30/3000, MomentumTrading 20/2000, AIDecision 10/2000
Secondary     | TokenSniping 40/5000, Arbitrage 30/3000, MomentumTrading 20/2000, AIDecision 10/2000
HFT           | Arbitrage 60/10000, TokenSniping 40/8000
Conservative  | MomentumTrading 70/1000, Arbitrage 30/500
Experimental  | SoulMeteorSniping 40/200, MeteoraDAMM 25/150, DeveloperTracking 20/100, AxiomMemeCoin 15/100
Arbitrage     | Arbitrage 100/15000
MEVProtection | TokenSniping 60/8000, Arbitrage 40/5000
Emergency     |
"""


@pytest.mark.parametrize("row", SPLITS.strip().splitlines())
def test_a_type_has_its_default_split(row: str) -> None:
    name, split = (cell.strip() for cell in row.split("|"))
    shares = defaults.default_strategies(WalletType(name))
    assert split == ", ".join(
        f"{strategy} {share.share_ppm // 10_000}/{share.position_max_micros // MICROS}"
        for strategy, share in shares.items()
    )
    assert all(share.enabled for share in shares.values())


def test_every_strategy_has_its_default_tolerance() -> None:
    assert {strategy: defaults.DEFAULT_RISK_TOLERANCE_PPM[strategy] / 1e6 for strategy in StrategyType} == {
        "MomentumTrading": 0.5,
        "AIDecision": 0.6,
        "Arbitrage": 0.7,
        "TokenSniping": 0.8,
        "SoulMeteorSniping": 0.9,
        "MeteoraDAMM": 0.9,
        "DeveloperTracking": 0.9,
        "AxiomMemeCoin": 1.0,
    }


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [("primary", "Primary"), ("hft", "HFT"), ("mev", "MEVProtection"), ("mevprotection", "MEVProtection")],
)
def test_wallet_types_have_short_names(spelt: str, meant: str) -> None:
    assert defaults.WALLET_TYPES[spelt] == meant


@pytest.mark.parametrize(
    ("spelt", "meant"), [("soulmeteor", "SoulMeteorSniping"), ("meteora", "MeteoraDAMM"), ("aidecision", "AIDecision")]
)
def test_strategies_have_short_names(spelt: str, meant: str) -> None:
    assert defaults.STRATEGIES[spelt] == meant
