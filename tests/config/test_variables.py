"""The variables: defaults, bounds, units, the `.env` file, and what is said about misspelt ones.

See specification §5.1.
"""

import importlib
import json
import pkgutil
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config import Cluster, LogLevel, describe, variables
from overmind.config.files import InvalidValue
from overmind.config.variables.signals import SIGNAL_FIELDS_IGNORED
from overmind.config.variables.table import VARIABLES
from overmind.config.variables.variable import Variable
from overmind.core.model.codes import Ceilings
from overmind.core.model.desk_settings import BOOKING_RULES, CostModel, Desk, Routing
from overmind.core.model.enums import LearnerMode, TradingMode
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.learner_rules import LearnerRules
from overmind.core.model.mints import UnlistedRules
from overmind.core.model.units import MICROS, NS


def test_what_nobody_sets_has_the_documented_default(desk: DeskOnDisk) -> None:
    config = desk.load()
    assert config.mode is TradingMode.PAPER
    assert config.cluster is Cluster.PAPER
    assert config.rpc_url is None
    assert config.server_port == 8080
    assert config.log_level is LogLevel.INFO
    assert config.api_token is None
    assert (config.data_dir, config.logs_dir) == (Path("./data"), Path("./logs"))
    assert config.max_concurrent_wallets == 10
    assert config.balance_check_interval_s == 300
    assert config.emergency_stop_threshold == Decimal("0.1")
    assert config.auto_rebalance_enabled
    assert config.risk_aggregation_enabled
    assert config.paper_capital_micros == 100_000_000_000
    assert config.price_tape is None
    assert config.warnings == ()


def test_the_defaults_of_the_desk_are_those_of_the_core(desk: DeskOnDisk) -> None:
    found = desk.load().desk
    assert found == Desk(
        quote=found.quote,
        tokens=found.tokens,
        booking_rules=BOOKING_RULES,
        # The core's default is that of old journals: no such rule.
        mark_heartbeat_ns=10 * NS,
        price_jump_max_ppm=200_000,
        depeg_max_ppm=10_000,
        order_min_micros=MICROS,
        expected_cost_max_bps=300,
        dust_micros=MICROS // 2,
        unlisted=UnlistedRules(32, 50_000 * MICROS, 100 * MICROS, 100, 300),
        costs=CostModel(miss_bps=50.0, in_flight_bps=0.5),
        routing=Routing(LearnerMode.SHADOW, tip_share_max_ppm=2_000, tip_day_max_lamports=50_000_000),
        learner_rules=LearnerRules(
            "overmind", canary_ppm=100_000, loss_day_max_micros=25_000_000, worse_max_ppm=50_000
        ),
    )


# variable | typed | attribute of the configuration | value
SETTINGS = """
SNIPER_SERVER_PORT                      | 0            | server_port | 0
SNIPER_SERVER_PORT                      | 65535        | server_port | 65535
SNIPER_LOG_LEVEL                        | WARN         | log_level | warning
OVERMIND_DATA_DIR                       | /srv/desk    | data_dir | /srv/desk
OVERMIND_LOGS_DIR                       | /var/log     | logs_dir | /var/log
OVERMIND_LOG_DAYS_MAX                   | 0            | log_days_max | 0
OVERMIND_DISK_DAYS_MIN                  | 365          | disk_days_min | 365
OVERMIND_MAX_CONCURRENT_WALLETS         | 1            | max_concurrent_wallets | 1
OVERMIND_BALANCE_CHECK_INTERVAL_SEC     | 60           | balance_check_interval_s | 60
OVERMIND_AUTO_REBALANCE_ENABLED         | no           | auto_rebalance_enabled | False
OVERMIND_RISK_AGGREGATION_ENABLED       | OFF          | risk_aggregation_enabled | False
OVERMIND_PAPER_CAPITAL_USD              | 0.000001     | paper_capital_micros | 1
OVERMIND_PRICE_TAPE                     | .            | price_tape | .
OVERMIND_EMERGENCY_STOP_THRESHOLD       | 1            | emergency_stop_threshold | 1
OVERMIND_DAY_LOSS_FLATTEN               | yes          | desk.day_loss_flatten | True
OVERMIND_ORDER_MIN_USD                  | 0            | desk.order_min_micros | 0
OVERMIND_EXPECTED_COST_MAX_BPS          | 10000        | desk.expected_cost_max_bps | 10000
OVERMIND_MULTI_WALLET_ENABLED           | 1            | desk.multi_wallet_enabled | True
OVERMIND_DEFAULT_WALLET                 | hft_wallet   | desk.default_wallet | hft_wallet
OVERMIND_WALLET_SELECTION_TIMEOUT_MS    | 50           | desk.selection_timeout_ns | 50000000
OVERMIND_WALLET_SELECTION_TIMEOUT_MS    |              | desk.selection_timeout_ns | 5000000000
OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT | 79.9999      | desk.portfolio_exposure_max_ppm | 799999
OVERMIND_ASSET_MAX_PERCENT              | 0            | desk.asset_max_ppm | 0
OVERMIND_STRATEGY_MAX_PERCENT           | 33.3333      | desk.strategy_max_ppm | 333333
OVERMIND_STRATEGY_MAX_PERCENT           | 101          | refused | out of bounds
OVERMIND_POSITIONS_MAX                  | 7            | desk.positions_max | 7
OVERMIND_POSITIONS_MAX                  | -1           | refused | out of bounds
OVERMIND_STRESS_PERCENT                 | 50, 5,12.5   | stress_ppm | (50000, 125000, 500000)
OVERMIND_STRESS_PERCENT                 | 10,10        | refused | is no such list
OVERMIND_STRESS_PERCENT                 | 1,2,3,4,5,6,7,8,9 | refused | is no such list
OVERMIND_STRESS_PERCENT                 | 101          | refused | out of bounds
OVERMIND_RATE_MAX_PER_SEC               | 1e3          | desk.rate_max_per_s | 1000
OVERMIND_SLIPPAGE_MAX_BPS               | 99           | desk.slippage_max_bps | 99
OVERMIND_SLIPPAGE_MAX_MEME_BPS          | 299          | desk.slippage_max_meme_bps | 299
OVERMIND_QUOTE_OFF_MARK_MAX_BPS         | 149          | desk.quote_off_mark_max_bps | 149
OVERMIND_RESERVE_FLOAT_SOL              | 0.000000001  | desk.reserve_float_lamports | 1
OVERMIND_PRICE_JUMP_MAX_PERCENT         | 12.5         | desk.price_jump_max_ppm | 125000
OVERMIND_PRICE_JUMP_MAX_PERCENT         | 0            | refused | out of bounds
OVERMIND_PRICE_AGREEMENT_BPS            | 150          | desk.witness_bound_bps | 0
OVERMIND_PRICE_AGREEMENT_BPS            | 0            | refused | out of bounds
OVERMIND_PRICE_WITNESS_URL              | https://prices.example.net/v1 | desk.witness_bound_bps | 200
OVERMIND_PRICE_WITNESS_URL              | https://prices.example.net/v1 | chain.witness_url | https://prices.example.net/v1
OVERMIND_PRICE_WITNESS_URL              | https://lite.jup.ag | refused | belongs to the operator
OVERMIND_PRICE_WITNESS_API_KEY          | abc          | chain.witness_api_key | ***
OVERMIND_DEPEG_MAX_PERCENT              | 0.5          | desk.depeg_max_ppm | 5000
OVERMIND_MARK_AGE_MAX_MS                | 1            | desk.mark_age_max_ns | 1000000
OVERMIND_MARK_HEARTBEAT_MS              | 0            | desk.mark_heartbeat_ns | 0
OVERMIND_SIGNAL_TTL_MS                  | 0x           | refused | is not a number
OVERMIND_SIGNAL_TTL_MS                  | 1.5          | desk.signal_ttl_ns | 1500000
OVERMIND_ATTEMPTS_MAX                   | 1            | desk.attempts_max | 1
OVERMIND_SPLIT                          |              | desk.split | none
OVERMIND_SPLIT                          | Partial      | desk.split | partial
OVERMIND_SPLIT                          | all          | desk.split | all
OVERMIND_SPLIT_PARTS_MAX                | 8            | desk.split_parts_max | 8
OVERMIND_EMERGENCY_STOP_THRESHOLD       | 0.0001       | desk.emergency_stop_ppm | 100
OVERMIND_DAY_LOSS_MAX_PERCENT           | 5            | desk.day_loss_max_ppm | 50000
OVERMIND_DRAWDOWN_MAX_PERCENT           | 12.5         | desk.drawdown_max_ppm | 125000
OVERMIND_CEILING_DAILY_LOSS_USD         | 1500.5       | desk.ceilings.daily_loss_max_micros | 1500500000
OVERMIND_CEILING_POSITION_USD           | 0            | desk.ceilings.position_max_micros | 0
OVERMIND_CEILING_EXPOSURE_PERCENT       | 75           | desk.ceilings.exposure_max_ppm | 750000
OVERMIND_CEILING_POSITIONS              | 4            | desk.ceilings.positions_max | 4
OVERMIND_CEILING_STOP_LOSS_PERCENT      | 0.0001       | desk.ceilings.stop_loss_ppm | 1
OVERMIND_CEILING_TRADES_PER_DAY         | 9            | desk.ceilings.trades_per_day_max | 9
OVERMIND_LOSS_STREAK_MAX                | 3            | desk.loss_streak_max | 3
OVERMIND_DAY_TRADES_MAX                 | 500          | desk.day_trades_max | 500
OVERMIND_DAY_TRADES_MAX                 | -1           | refused | out of bounds
OVERMIND_DUST_USD                       | 0.25         | desk.dust_micros | 250000
OVERMIND_DUST_USD                       | 0            | desk.dust_micros | 0
OVERMIND_DUST_USD                       | 1001         | refused | out of bounds
OVERMIND_SIZING_MIN_USD                 | 2.5          | desk.sizing_min_micros | 2500000
OVERMIND_SIZING_MIN_USD                 | 0            | refused | out of bounds
OVERMIND_VOLATILITY_HALF_LIFE_SEC       | 3600         | desk.volatility_half_life_ns | 3600000000000
OVERMIND_VOLATILITY_HALF_LIFE_SEC       | 59           | refused | out of bounds
OVERMIND_STOP_COOLDOWN_SEC              | 1.5          | desk.cooldown_ns | 1500000000
OVERMIND_EXIT_SLIPPAGE_BPS              | 50, 100,100  | desk.exit_slippage_bps | (50, 100, 100)
OVERMIND_EXIT_SLIPPAGE_BPS              | 100,50       | refused | is no ladder
OVERMIND_EXIT_SLIPPAGE_BPS              | 100,10000    | refused | out of bounds
OVERMIND_EXIT_SLIPPAGE_BPS              | 100,         | refused | is not a number
OVERMIND_EXIT_RETRY_MS                  | 1            | desk.exit_retry_ns | 1000000
OVERMIND_ADMISSION                      | strict       | desk.admission | off
OVERMIND_ADMISSION                      | checkd       | refused | 'checkd' is not known
OVERMIND_ADMISSION_EXIT                 | true         | desk.admission_exit | True
OVERMIND_UNLISTED_MINTS_MAX             | 0            | desk.unlisted.mints_max | 0
OVERMIND_UNLISTED_MINTS_MAX             | 257          | refused | 257
OVERMIND_UNLISTED_LIQUIDITY_MIN_USD     | 9.5          | desk.unlisted.liquidity_min_micros | 9500000
OVERMIND_UNLISTED_TRIAL_USD             | 1            | desk.unlisted.trial_micros | 1000000
OVERMIND_UNLISTED_TRIAL_USD             | 0.99         | refused | 0.99
OVERMIND_UNLISTED_IMPACT_MAX_BPS        | 7            | desk.unlisted.impact_max_bps | 7
OVERMIND_UNLISTED_ROUND_TRIP_MAX_BPS    | 8            | desk.unlisted.round_trip_max_bps | 8
OVERMIND_EMERGENCY_LIQUIDATE            | yes          | desk.emergency_liquidate | True
OVERMIND_EMERGENCY_SWEEP                | true         | desk.emergency_sweep | True
OVERMIND_REBALANCE_BAND_PERCENT         | 5.5          | desk.rebalance_band_ppm | 55000
OVERMIND_REBALANCE_INNER_PERCENT        | 10           | desk.rebalance_inner_ppm | 100000
OVERMIND_REBALANCE_INNER_PERCENT        | 10.0001      | refused | is above OVERMIND_REBALANCE_BAND_PERCENT
OVERMIND_REBALANCE_MIN_USD              | 25.5         | desk.rebalance_min_micros | 25500000
OVERMIND_REBALANCE_MIN_USD              | 0            | refused | out of bounds
OVERMIND_REBALANCE_COST_MAX_BPS         | 0            | desk.rebalance_cost_max_bps | 0
OVERMIND_REBALANCE_INTERVAL_SEC         | 60           | desk.rebalance_interval_ns | 60000000000
OVERMIND_FLOAT_LOW_SOL                  | 0.25         | desk.float_low_lamports | 250000000
OVERMIND_FLOAT_LOW_SOL                  | 0.250000001  | refused | is above OVERMIND_FLOAT_TARGET_SOL
OVERMIND_FLOAT_TARGET_SOL               | 0            | desk.float_target_lamports | 0
OVERMIND_FLOAT_TARGET_SOL               | 0.1          | refused | is above OVERMIND_FLOAT_TARGET_SOL
OVERMIND_RECLAIM_AFTER_SEC              | 0            | desk.reclaim_after_ns | 0
OVERMIND_WITHDRAW_ADDRESSES             | , | desk.withdraw_addresses | ()
OVERMIND_WITHDRAW_ADDRESSES             | somewhere    | refused | 'somewhere' is no address
OVERMIND_WITHDRAW_DAY_MAX_USD           | 500          | desk.withdraw_day_max_micros | 500000000
OVERMIND_WITHDRAW_DELAY_SEC             | 0            | desk.withdraw_delay_ns | 0
OVERMIND_COST_FEE_LAMPORTS              | 5000         | desk.costs.fee_lamports | 5000
OVERMIND_COST_FEE_MAX_LAMPORTS          | 13000        | desk.costs.fee_max_lamports | 13000
OVERMIND_COST_RENT_LAMPORTS             | 0            | desk.costs.rent_lamports | 0
OVERMIND_COST_RENT_LOST_PERCENT         | 100          | desk.costs.rent_lost_ppm | 1000000
OVERMIND_COST_HEADROOM_BPS              | 0.5          | desk.costs.headroom_bps | 0.5
OVERMIND_COST_PREFERENCE_BPS            | 0            | desk.costs.preference_bps | 0.0
OVERMIND_COST_HALF_SPREAD_BPS           | 1            | desk.costs.half_spread_bps | 1.0
OVERMIND_COST_DEPTH_USD                 | 1            | desk.costs.depth_micros | 1000000
OVERMIND_COST_MISS_BPS                  | 0            | desk.costs.miss_bps | 0.0
OVERMIND_COST_MISS_BPS                  | 10001        | refused | out of bounds
OVERMIND_COST_MISS_HALF_LIFE_SEC        | 7200         | desk.costs.miss_half_life_ns | 7200000000000
OVERMIND_COST_MISS_HALF_LIFE_SEC        | 7201         | refused | out of bounds
OVERMIND_ROUTING_LEARNER                | ON           | desk.routing.learner | on
OVERMIND_ROUTING_LEARNER                | shade        | refused | 'shade' is not known
OVERMIND_ROUTING_LANDING_PERCENT        | 80           | desk.routing.landing_ppm | 800000
OVERMIND_ROUTING_SLOTS                  | 3            | desk.routing.slots | 3
OVERMIND_ROUTING_SLOTS                  | 151          | refused | out of bounds
OVERMIND_ROUTING_LATE_BPS               | 0            | desk.routing.late_bps | 0.0
OVERMIND_TIP_MAX_PERCENT                | 0.1          | desk.routing.tip_share_max_ppm | 1000
OVERMIND_TIP_DAY_MAX_SOL                | 0.1          | desk.routing.tip_day_max_lamports | 100000000
OVERMIND_EXIT_PUBLIC_AFTER_SEC          | 30           | desk.routing.exit_public_after_ns | 30000000000
OVERMIND_EXIT_PUBLIC_AFTER_SEC          | 3601         | refused | out of bounds
OVERMIND_ROUTING_LEARNER                | canary       | desk.routing.learner | canary
OVERMIND_ROUTING_RANDOM_SEED                   | a b          | desk.learner_rules.seed | a b
OVERMIND_ROUTING_EXPLORE_PERCENT        | 5            | desk.learner_rules.explore_ppm | 50000
OVERMIND_ROUTING_EXPLORE_PERCENT        | 5.1          | refused | out of bounds
OVERMIND_ROUTING_EXPLORE_MAX_USD        | 100          | desk.learner_rules.explore_max_micros | 100000000
OVERMIND_ROUTING_EXPLORE_DAY_PERCENT    | 0.5          | desk.learner_rules.explore_day_ppm | 5000
OVERMIND_ROUTING_CANARY_PERCENT         | 20           | desk.learner_rules.canary_ppm | 200000
OVERMIND_ROUTING_LOSS_DAY_MAX_USD       | 7.5          | desk.learner_rules.loss_day_max_micros | 7500000
OVERMIND_ROUTING_CALIBRATION_PERCENT    | 3            | desk.learner_rules.worse_max_ppm | 30000
OVERMIND_COST_IN_FLIGHT_BPS             | 0.25         | desk.costs.in_flight_bps | 0.25
SNIPER_TRADING_MODE                     |  PAPER       | mode | Paper
SNIPER_TRADING_MODE                     | papper       | refused | 'papper' is not known
SNIPER_TRADING_MODE                     | Live!        | refused | 'Live!' is not known
SNIPER_TRADING_MODE                     |              | refused | '' is not known
SNIPER_SERVER_PORT                      | -1           | refused | out of bounds
SNIPER_SERVER_PORT                      | 65536        | refused | out of bounds
SNIPER_SERVER_PORT                      | 80.5         | refused | more digits
SNIPER_LOG_LEVEL                        | loud         | refused | 'loud' is not known
OVERMIND_API_TOKEN                      | short        | refused | shorter than 16 characters
OVERMIND_MAX_CONCURRENT_WALLETS         | 0            | refused | out of bounds
OVERMIND_MULTI_WALLET_ENABLED           | maybe        | refused | 'maybe' is not known
OVERMIND_MULTI_WALLET_ENABLED           | false        | refused | not set, though
OVERMIND_DEFAULT_WALLET                 | hft          | refused | 'hft' is not among the managed wallets
OVERMIND_PAPER_CAPITAL_USD              | nan          | refused | not a finite number
OVERMIND_PAPER_CAPITAL_USD              | 1,000        | refused | is not a number
OVERMIND_PAPER_CAPITAL_USD              | 0.0000001    | refused | more digits
OVERMIND_PRICE_TAPE                     | /not/there   | refused | does not exist
OVERMIND_TOKENS_FILE                    | /not/there   | refused | does not exist
OVERMIND_COST_RENT_2022_LAMPORTS        | 2100000      | desk.costs.rent_2022_lamports | 2100000
OVERMIND_RPC_REQUESTS_PER_SEC           | 25           | chain.requests_per_s | 25
OVERMIND_SWAP_REQUESTS_PER_MIN          | 600          | chain.swap_requests_per_min | 600
OVERMIND_SWAP_URL                       | https://u:secret@host/x | chain.swap_url | https://***@host/x
OVERMIND_PAPER_PRICES                   | live         | paper_prices | live
OVERMIND_RPC_FALLBACK_URLS              | http://a.example, ftp://b | refused | not an http or https URL
OVERMIND_ASSET_MAX_PERCENT              | 100.0001     | refused | out of bounds
OVERMIND_ASSET_MAX_PERCENT              | -1           | refused | out of bounds
OVERMIND_EMERGENCY_STOP_THRESHOLD       | 0            | refused | out of bounds
OVERMIND_EMERGENCY_STOP_THRESHOLD       | 10           | refused | out of bounds
OVERMIND_CEILING_STOP_LOSS_PERCENT      | 0            | refused | out of bounds
OVERMIND_CEILING_EXPOSURE_PERCENT       | 101          | refused | out of bounds
OVERMIND_ATTEMPTS_MAX                   | 4            | refused | out of bounds
OVERMIND_SPLIT                          | some         | refused | not known
OVERMIND_SPLIT_PARTS_MAX                | 1            | refused | out of bounds
OVERMIND_SPLIT_PARTS_MAX                | 9            | refused | out of bounds
OVERMIND_RESERVE_FLOAT_SOL              | 0.0000000001 | refused | more digits
OVERMIND_COST_FEE_LAMPORTS              | 100001       | refused | is above OVERMIND_COST_FEE_MAX_LAMPORTS
OVERMIND_MAINNET_OPT_IN                 | yes          | refused | 'yes' is not known
SNIPER_SOLANA_RPC_URL                   | localhost    | refused | not an http or https URL
SNIPER_SOLANA_RPC_URL                   | ftp://host   | refused | not an http or https URL
SNIPER_SOLANA_RPC_URL                   | http://[::1  | refused | not a valid URL
SNIPER_SOLANA_RPC_URL                   | http://a:99999 | refused | not a valid URL
"""


@pytest.mark.parametrize("case", SETTINGS.strip().splitlines())
def test_a_variable_is_read_in_its_unit_and_within_its_bounds(desk: DeskOnDisk, case: str) -> None:
    name, typed, attribute, value = (cell.strip() for cell in case.split("|"))
    problems = desk.problems(**{name: typed})
    if attribute == "refused":
        (problem,) = problems
        assert value in problem.problem
        assert problem.fix
        return
    assert problems == ()
    found: object = desk.load(**{name: typed})
    for step in attribute.split("."):
        found = getattr(found, step)
    assert str(found) == value


def test_every_field_of_the_desk_can_be_set() -> None:
    named = {
        cells[2].removeprefix("desk.")
        for cells in ([c.strip() for c in r.split("|")] for r in SETTINGS.splitlines()[1:])
    }
    fields = {field.name for field in msgspec.structs.fields(Desk)} - {
        "quote",
        "tokens",
        "costs",
        "ceilings",
        "unlisted",
        "routing",
        "learner_rules",
        "booking_rules",
        "fill_within_ns",  # of a backtest alone
        "witness_bound_bps",
        "proceeds_bound_bps",
    }
    costs = {f"costs.{field.name}" for field in msgspec.structs.fields(CostModel)}
    ceilings = {f"ceilings.{field.name}" for field in msgspec.structs.fields(Ceilings)}
    unlisted = {f"unlisted.{field.name}" for field in msgspec.structs.fields(UnlistedRules)}
    routing = {f"routing.{field.name}" for field in msgspec.structs.fields(Routing)}
    routing -= {"routing.routes"}  # several settings each
    rules = {f"learner_rules.{field.name}" for field in msgspec.structs.fields(LearnerRules)}
    assert fields | costs | ceilings | unlisted | routing | rules <= named


@pytest.mark.parametrize(("typed", "policy"), [({}, "checked"), ({"OVERMIND_ADMISSION": "Strict"}, "strict")])
def test_mints_are_looked_at_on_a_chain_and_not_on_paper(desk: DeskOnDisk, typed: dict[str, str], policy: str) -> None:
    live = {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "localnet"}
    assert desk.load(**live, **typed).desk.admission == policy
    assert desk.load(**typed).desk.admission == "off"


def test_a_default_wallet_must_be_active(desk: DeskOnDisk) -> None:
    desk.write("hft.json", json.dumps(desk.wallet("hft", status="Suspended")))
    (problem,) = desk.problems(OVERMIND_DEFAULT_WALLET="hft_wallet")
    assert "Suspended" in problem.problem


def test_one_wallet_alone(desk: DeskOnDisk) -> None:
    config = desk.load(OVERMIND_MULTI_WALLET_ENABLED="false", OVERMIND_DEFAULT_WALLET="primary_wallet")
    assert not config.desk.multi_wallet_enabled
    assert config.desk.default_wallet == WalletId("primary_wallet")


def test_the_process_wins_over_the_file(desk: DeskOnDisk) -> None:
    dotenv = desk.write("env", "export SNIPER_SERVER_PORT=1\nSNIPER_LOG_LEVEL='debug' # loud\n# a comment\n\n")
    config = desk.load(dotenv, SNIPER_SERVER_PORT="2")
    assert (config.server_port, config.log_level) == (2, LogLevel.DEBUG)
    origins = {row.name: (row.value, row.origin) for row in config.effective()}
    assert origins["SNIPER_SERVER_PORT"] == ("2", "env")
    assert origins["SNIPER_LOG_LEVEL"] == ("debug", ".env")
    assert origins["OVERMIND_MAX_CONCURRENT_WALLETS"] == ("10", "default")
    assert origins["WALLET1_KEY"] == ("***", "env")


DOTENVS = [
    ("a line without =", b"A=1\nnonsense\n", "line 2"),
    ("an unfinished quote", b"A='1\nB=2\n", "line 1"),
    ("broken UTF-8", b"A=\xff\n", "not valid UTF-8"),
    ("a file too large", b"#" * 300_000, "larger than"),
]


@pytest.mark.parametrize(("what", "content", "reason"), DOTENVS, ids=[what for what, _, _ in DOTENVS])
def test_a_broken_dotenv_file_is_an_error(desk: DeskOnDisk, what: str, content: bytes, reason: str) -> None:
    problems = desk.problems(desk.write("env", content))
    assert problems, what
    assert reason in str(problems[0])


def test_a_dotenv_file_that_was_named_must_exist(desk: DeskOnDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = desk.problems(desk.folder / "missing")
    assert problem.problem == "the file does not exist"
    monkeypatch.chdir(desk.folder)
    assert desk.problems(Path(".env")) == ()


def test_a_variable_set_twice_in_the_file_is_warned_about(desk: DeskOnDisk) -> None:
    config = desk.load(desk.write("env", "SNIPER_SERVER_PORT=1\nSNIPER_SERVER_PORT=2\n"))
    assert config.server_port == 2
    assert "a second time" in config.warnings[0].problem


def test_a_dollar_sign_in_the_file_stays_what_it_is(desk: DeskOnDisk) -> None:
    config = desk.load(desk.write("env", "OVERMIND_DATA_DIR=/a/${HOME}\n"))
    assert config.data_dir == Path("/a/${HOME}")


UNKNOWN = """
OVERMIND_DEFAULT_WALET   | did you mean OVERMIND_DEFAULT_WALLET?
SNIPER_TRADE_MODE        | did you mean SNIPER_TRADING_MODE?
OVERMIND_ZZZZZZZZZZZZZZZZZZZZ | take it out
"""


@pytest.mark.parametrize("case", UNKNOWN.strip().splitlines())
def test_an_unknown_variable_is_a_warning_with_the_nearest_name(desk: DeskOnDisk, case: str) -> None:
    name, fix = (cell.strip() for cell in case.split("|"))
    (warning,) = desk.load(**{name: "secret value"}).warnings
    assert name in warning.where
    assert warning.fix == fix
    assert "secret value" not in str(warning)


def test_key_variables_and_foreign_names_are_no_surprise(desk: DeskOnDisk) -> None:
    desk.env["OVERMIND_MY_KEY"] = desk.env.pop("WALLET1_KEY")
    desk.env["OVERMIND_MANAGED_WALLETS"] = desk.env["OVERMIND_MANAGED_WALLETS"].replace(
        "WALLET1_KEY", "OVERMIND_MY_KEY"
    )
    assert desk.load(PATH="/bin", OTHER_OVERMIND_X="1").warnings == ()


# mode | cluster | address | cluster that results, or the reason why not
CLUSTERS = """
paper |          |                                     | paper
paper | mainnet  | https://rpc.example.com             | paper
live  | devnet   |                                     | devnet
live  | DEVNET   | https://rpc.example.com             | devnet
live  | localnet |                                     | localnet
live  |          | http://127.0.0.1:8899               | localnet
live  |          | http://localhost:8899               | localnet
live  |          | http://[::1]:8899                   | localnet
live  |          | https://api.devnet.solana.com       | devnet
live  | mainnet  | http://127.0.0.1:8899               | confirmation
live  |          |                                     | needs a cluster
live  | mainnet  |                                     | confirmation
live  | mainnet-beta |                                 | confirmation
live  |          | https://api.mainnet-beta.solana.com | confirmation
live  |          | https://rpc.example.com             | counts as mainnet
live  | devnet   | https://api.mainnet-beta.solana.com | names a mainnet address
live  | localnet | https://api.devnet.solana.com       | names a devnet address
live  | testnet  | https://rpc.example.com             | 'testnet' is not known ; counts as mainnet
"""


@pytest.mark.parametrize("case", CLUSTERS.strip().splitlines())
def test_live_trading_goes_where_it_was_told_or_nowhere(desk: DeskOnDisk, case: str) -> None:
    mode, cluster, url, expected = (cell.strip() for cell in case.split("|"))
    env = {"SNIPER_TRADING_MODE": mode, "OVERMIND_CLUSTER": cluster, "SNIPER_SOLANA_RPC_URL": url}
    problems = desk.problems(**env)
    if expected not in {*Cluster}:
        reasons = expected.split(" ; ")
        assert [reason in problem.problem for reason, problem in zip(reasons, problems, strict=True)] == [True] * len(
            reasons
        )
        return
    assert problems == ()
    assert desk.load(**env).cluster == expected


def test_mainnet_needs_a_second_confirmation(desk: DeskOnDisk) -> None:
    live = {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "mainnet"}
    config = desk.load(OVERMIND_MAINNET_OPT_IN="I-accept-real-money", **live)
    assert (config.mode, config.cluster) == (TradingMode.LIVE, Cluster.MAINNET)
    assert config.rpc_url is not None
    assert config.rpc_url.reveal() == "https://api.mainnet-beta.solana.com"


def test_plain_http_to_elsewhere_is_warned_about(desk: DeskOnDisk) -> None:
    live = {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "devnet"}
    assert "plain text" in desk.load(SNIPER_SOLANA_RPC_URL="http://rpc.example.com", **live).warnings[0].problem


def test_every_row_of_the_table_is_complete_and_named_once() -> None:
    rows = describe()
    assert all(row.group and row.name and row.unit and row.meaning.endswith(".") for row in rows)
    assert len({row.name for row in rows}) == len(rows)
    assert {row.name for row in rows if row.secret} == {
        "OVERMIND_API_TOKEN",
        "OVERMIND_KEYSTORE_PASSPHRASE",
        "OVERMIND_SWAP_API_KEY",
        "OVERMIND_PRICE_WITNESS_API_KEY",
        "OVERMIND_SECOND_SWAP_API_KEY",
        "OVERMIND_RELAY_AUTH",
        "OVERMIND_NOTICES",
        "OVERMIND_TELEGRAM_TOKEN",
        "OVERMIND_PING_URL",
    }


def test_every_variable_of_a_module_is_in_the_table() -> None:
    """One that is not would be read, but neither documented nor known to the search for misspelt names."""
    names = (found.name for found in pkgutil.iter_modules(variables.__path__))
    modules = (importlib.import_module(f"{variables.__name__}.{name}") for name in names)
    defined = {each.name for module in modules for each in vars(module).values() if isinstance(each, Variable)}
    assert defined <= {each.name for each in VARIABLES}


def test_the_tokens_of_the_cluster_are_there(desk: DeskOnDisk) -> None:
    found = desk.load().desk
    assert found.quote.symbol == "USDC"
    assert found.quote.mint not in found.tokens
    symbols = {token.symbol: (mint, token.decimals) for mint, token in found.tokens.items()}
    assert symbols["SOL"] == (Mint("So11111111111111111111111111111111111111112"), 9)
    assert symbols["ETH"][1] == symbols["BTC"][1] == 8


@pytest.mark.parametrize("name", ["comment", "note,source , model", "trace.id", "request-id"])
def test_harmless_fields_of_a_signal_may_be_ignored(name: str) -> None:
    read = SIGNAL_FIELDS_IGNORED.kind.read(name)
    assert read == frozenset(one.strip() for one in name.split(","))


@pytest.mark.parametrize(
    "name",
    [
        *("qty", "size", "amount", "Percent", "usd", "limit", "dry_run", "dryRun", "stop_price", "reduce_only", "tif"),
        *("side", "px", "sl", "validFor", "good_till", "sell_all", "all", "notionel", "maxPrice", "min_qty", "mode"),
        *("wallet", "strategy", "only_if", "not_before", "paper", "аmount", "a b", "x" * 65, "note,lots"),
    ],
)
def test_a_field_that_may_bear_on_a_trade_is_never_ignored(name: str) -> None:
    assert isinstance(SIGNAL_FIELDS_IGNORED.kind.read(name), InvalidValue)
