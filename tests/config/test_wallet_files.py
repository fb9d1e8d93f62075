"""Wallet files, one line per case: what a wallet JSON may say, what it may not, and what its words become.

See specification §5.4.
"""

import json
import os
from pathlib import Path

import pytest
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config import MultiWalletConfig
from overmind.core.model.codes import Limits
from overmind.core.model.enums import StrategyType, WalletStatus
from overmind.core.model.ids import WalletId
from overmind.core.model.units import MICROS, NS
from overmind.core.model.wallet import Exits, StrategyShare
from overmind.keys.keystore import seal

LIMITS = {
    "max_daily_loss": 1000.0,
    "max_position_size": 10000.0,
    "max_concurrent_positions": 10,
    "max_exposure_percentage": 80.0,
    "stop_loss_threshold": 5.0,
    "daily_trade_limit": 100,
}
SNIPING = {
    "strategy_type": "TokenSniping",
    "allocation_percentage": 40.0,
    "max_position_size": 5000.0,
    "enabled": True,
}
HFT = WalletId("hft_wallet")


def _hft(desk: DeskOnDisk, **fields: object) -> None:
    """The desk's list is the HFT wallet alone, whose file says this."""
    desk.write("hft.json", json.dumps(desk.wallet("hft", **fields)))
    desk.lines("hft_wallet:F/hft.json:hft:high:0.3")


def test_the_seeds_wallet_format_is_read_in_full(desk: DeskOnDisk) -> None:
    key = desk.keys["primary"]
    content = {
        "wallet_id": "primary_wallet",
        "name": "Primary Trading Wallet",
        "description": "Main wallet for primary trading strategies",
        "private_key": str(list(bytes(key.reveal()))),
        "public_key": key.public_key,
        "wallet_type": "Primary",
        "strategy_allocation": [SNIPING],
        "risk_limits": LIMITS,
        "status": "Active",
    }
    desk.write("primary.json", json.dumps(content))
    desk.lines("primary_wallet:F/primary.json:primary:medium:0.4")
    config = desk.load().wallets[WalletId("primary_wallet")]
    assert config.key == key
    assert config.wallet.public_key == key.public_key
    assert config.wallet.name == "Primary Trading Wallet"
    assert config.wallet.status is WalletStatus.ACTIVE
    assert config.wallet.strategies == {StrategyType.TOKEN_SNIPING: StrategyShare(400_000, 5_000 * MICROS)}
    assert config.wallet.limits == Limits(1_000 * MICROS, 10_000 * MICROS, 800_000, 10, 50_000, 100, 500_000)


def test_the_seeds_example_key_is_refused_with_the_reason(desk: DeskOnDisk) -> None:
    _hft(desk, private_key=str(list(range(1, 65))), public_key="11111111111111111111111111111112")
    (problem,) = desk.problems()
    assert problem.where.endswith("hft.json: private_key")
    assert "public half" in problem.problem
    assert "does not match" in problem.problem


def test_risk_limits_of_the_file_hold_even_where_they_are_wider(desk: DeskOnDisk) -> None:
    _hft(desk, risk_limits={**LIMITS, "max_daily_loss": 1_000_000, "max_exposure_percentage": 99.9999})
    limits = desk.load().wallets[HFT].wallet.limits
    assert limits == Limits(1_000_000 * MICROS, 10_000 * MICROS, 999_999, 10, 50_000, 100, 700_000)


def test_without_risk_limits_the_tables_hold(desk: DeskOnDisk) -> None:
    _hft(desk)
    wallet = desk.load().wallets[HFT].wallet
    assert wallet.limits == Limits(2_000 * MICROS, 20_000 * MICROS, 900_000, 15, 30_000, 200, 700_000)
    assert list(wallet.strategies) == [StrategyType.ARBITRAGE, StrategyType.TOKEN_SNIPING]


def test_an_empty_split_means_no_strategy(desk: DeskOnDisk) -> None:
    _hft(desk, strategy_allocation=[])
    assert desk.load().wallets[HFT].wallet.strategies == {}


FIELDS_ACCEPTED = [
    ("status in any case", {"status": "maintenance"}),
    ("type in any case", {"wallet_type": "hft"}),
    ("short strategy names", {"strategy_allocation": [{**SNIPING, "strategy_type": "Meteora"}]}),
    ("a share of 100", {"strategy_allocation": [{**SNIPING, "allocation_percentage": 100}]}),
    ("a share of 0", {"strategy_allocation": [{**SNIPING, "allocation_percentage": 0}]}),
    (
        "shares over 100 of which one is disabled",
        {
            "strategy_allocation": [
                {**SNIPING, "allocation_percentage": 60},
                {**SNIPING, "strategy_type": "Arbitrage", "allocation_percentage": 60, "enabled": False},
            ]
        },
    ),
    ("numbers in quotes", {"risk_limits": {**LIMITS, "max_daily_loss": "1000.000001"}}),
    ("limits of 0", {"risk_limits": dict.fromkeys(LIMITS, 0)}),
    ("a count with a zero fraction", {"risk_limits": {**LIMITS, "daily_trade_limit": 100.0}}),
    ("percentages of 100", {"risk_limits": {**LIMITS, "max_exposure_percentage": 100, "stop_loss_threshold": 100}}),
    ("when to sell", {"exits": {"trailing_stop_percent": 0.0001, "take_profit_percent": "100000", "max_hold_ms": 1}}),
    ("no time to sell", {"exits": {}}),
    (
        "null for what is not given",
        {"exits": {"max_hold_ms": None}, "risk_limits": None, "strategy_allocation": None, "public_key": None},
    ),
]


def test_exits_of_the_file_are_the_wallets(desk: DeskOnDisk) -> None:
    _hft(desk, exits={"trailing_stop_percent": 5, "take_profit_percent": "12.5", "max_hold_hours": 1.5})
    assert desk.load().wallets[HFT].wallet.exits == Exits(None, 50_000, 125_000, 5_400 * NS)
    _hft(desk, exits={"max_hold_ms": 7})
    assert desk.load().wallets[HFT].wallet.exits == Exits(hold_max_ns=7_000_000)


@pytest.mark.parametrize(("what", "fields"), FIELDS_ACCEPTED, ids=[what for what, _ in FIELDS_ACCEPTED])
def test_an_accepted_wallet_file(desk: DeskOnDisk, what: str, fields: dict[str, object]) -> None:
    _hft(desk, **fields)
    assert desk.problems() == (), what


NAN, INFINITY = float("nan"), float("inf")
FIELDS_REFUSED = [
    ({"wallet_id": "other"}, "wallet_id", "'other' contradicts"),
    ({"wallet_id": 7}, "wallet_id", "not a text"),
    ({"wallet_type": "Primary"}, "wallet_type", "Primary contradicts HFT"),
    ({"wallet_type": "Primry"}, "wallet_type", "not known"),
    ({"status": "Activ"}, "status", "'Activ' is not known"),
    ({"public_key": "11111111111111111111111111111112"}, "public_key", "does not belong"),
    ({"private_key": None}, "private_key", "missing"),
    ({"private_key": 5}, "private_key", "not an array"),
    ({"private_key": "[1,2]"}, "private_key", "2 bytes"),
    ({"risk_limit": LIMITS}, "risk_limit", "not a known field"),
    ({"risk_limits": []}, "risk_limits", "not an object"),
    ({"risk_limits": {**LIMITS, "max_daily_loss": NAN}}, "risk_limits.max_daily_loss", "'NaN' is not a finite"),
    (
        {"risk_limits": {**LIMITS, "max_daily_loss": INFINITY}},
        "risk_limits.max_daily_loss",
        "'Infinity' is not a finite",
    ),
    ({"risk_limits": {**LIMITS, "max_daily_loss": -1}}, "risk_limits.max_daily_loss", "out of bounds"),
    ({"risk_limits": {**LIMITS, "max_daily_loss": 0.0000001}}, "risk_limits.max_daily_loss", "more digits"),
    ({"risk_limits": {**LIMITS, "max_daily_loss": True}}, "risk_limits.max_daily_loss", "not a number"),
    ({"risk_limits": {**LIMITS, "max_daily_loss": "$5"}}, "risk_limits.max_daily_loss", "not a number"),
    ({"risk_limits": {**LIMITS, "max_position_size": 1e13}}, "risk_limits.max_position_size", "out of bounds"),
    ({"risk_limits": {**LIMITS, "max_exposure_percentage": 100.1}}, "risk_limits.max_exposure_percentage", "bounds"),
    ({"risk_limits": {**LIMITS, "stop_loss_threshold": -0.1}}, "risk_limits.stop_loss_threshold", "out of bounds"),
    ({"risk_limits": {**LIMITS, "stop_loss_threshold": 5.00001}}, "risk_limits.stop_loss_threshold", "more digits"),
    ({"risk_limits": {**LIMITS, "daily_trade_limit": 1.5}}, "risk_limits.daily_trade_limit", "more digits"),
    ({"risk_limits": {**LIMITS, "stop_loss": 1}}, "risk_limits.stop_loss", "not a known field"),
    (
        {"risk_limits": {name: limit for name, limit in LIMITS.items() if name != "max_daily_loss"}},
        "risk_limits.max_daily_loss",
        "missing",
    ),
    ({"exits": []}, "exits", "not an object"),
    ({"exits": {"trailing": 5}}, "exits.trailing", "not a known field"),
    ({"exits": {"stop_loss_percent": 5}}, "exits.stop_loss_percent", "not a known field"),
    ({"exits": {"trailing_stop_percent": 100}}, "exits.trailing_stop_percent", "out of bounds"),
    ({"exits": {"trailing_stop_percent": 0}}, "exits.trailing_stop_percent", "out of bounds"),
    ({"exits": {"take_profit_percent": 100_001}}, "exits.take_profit_percent", "out of bounds"),
    ({"exits": {"take_profit_percent": "much"}}, "exits.take_profit_percent", "is not a number"),
    ({"exits": {"max_hold_ms": 0}}, "exits.max_hold_ms", "out of bounds"),
    ({"exits": {"max_hold_hours": 87_601}}, "exits.max_hold_hours", "out of bounds"),
    ({"exits": {"max_hold_ms": 1, "max_hold_hours": 1}}, "exits.max_hold_hours", "a second time to hold"),
    ({"exit": {"max_hold_ms": 1}}, "exit", "not a known field"),
    ({"strategy_allocation": {}}, "strategy_allocation", "not an array"),
    ({"strategy_allocation": [5]}, "strategy_allocation[1]", "not an object"),
    ({"strategy_allocation": [SNIPING, SNIPING]}, "strategy_allocation[2].strategy_type", "listed twice"),
    (
        {"strategy_allocation": [{**SNIPING, "strategy_type": "Meteora"}, {**SNIPING, "strategy_type": "MeteoraDAMM"}]},
        "strategy_allocation[2].strategy_type",
        "MeteoraDAMM is listed twice",
    ),
    (
        {"strategy_allocation": [{**SNIPING, "strategy_type": "Sniping"}]},
        "strategy_allocation[1].strategy_type",
        "not known",
    ),
    (
        {"strategy_allocation": [{**SNIPING, "strategy_type": None}]},
        "strategy_allocation[1].strategy_type",
        "missing",
    ),
    (
        {"strategy_allocation": [{**SNIPING, "allocation_percentage": 100.0001}]},
        "strategy_allocation[1].allocation_percentage",
        "out of bounds",
    ),
    (
        {"strategy_allocation": [{**SNIPING, "allocation_percentage": NAN}]},
        "strategy_allocation[1].allocation_percentage",
        "not a finite number",
    ),
    ({"strategy_allocation": [{**SNIPING, "enabled": "yes"}]}, "strategy_allocation[1].enabled", "not true or false"),
    ({"strategy_allocation": [{**SNIPING, "enable": True}]}, "strategy_allocation[1].enable", "not a known field"),
    (
        {
            "strategy_allocation": [
                {**SNIPING, "allocation_percentage": 60},
                {**SNIPING, "strategy_type": "Arbitrage", "allocation_percentage": 40.0001},
            ]
        },
        "strategy_allocation",
        "the enabled shares sum to 100.0001 percent",
    ),
]


@pytest.mark.parametrize(("fields", "place", "reason"), FIELDS_REFUSED)
def test_a_refused_wallet_file(desk: DeskOnDisk, fields: dict[str, object], place: str, reason: str) -> None:
    _hft(desk, **fields)
    (problem,) = desk.problems()
    assert problem.where == f"{desk.folder}/hft.json: {place}"
    assert reason in problem.problem
    assert problem.fix


CONTENTS_REFUSED = [
    ("recovery words", b"legal winner thank year wave sausage worth useful legal winner thank yellow\n", "mnemonic"),
    ("hexadecimal", b"ab" * 32, "it is hexadecimal of 32 bytes"),
    ("an address", b"So11111111111111111111111111111111111111112", "32 bytes, not 64: a seed or an address alone"),
    ("an array of a seed", b"[" + b"1," * 31 + b"1]", "32 bytes, not 64: a seed or an address alone"),
    ("a foreign keystore", b'{"crypto": {"cipher": "aes"}, "id": "x"}', "an encrypted keystore of another program"),
    ("an object", b'{"a": 1}', "it is a JSON object"),
    ("not JSON", b'{"wallet_id": ', "not valid JSON: line 1, column 15"),
    ("broken UTF-8", b'{"name": "\xff"}', "not valid UTF-8"),
    ("an empty file", b"", "the private key is empty"),
    ("too large", b" " * 300_000, "larger than 262144 bytes"),
    ("nested beyond bounds", b"[" * 100_000, "beyond all bounds"),
    ("a number beyond bounds", b'{"a": ' + b"9" * 5_000 + b"}", "beyond all bounds"),
    ("a word", b'"key"', "neither a wallet, a keypair nor a keystore"),
    ("a keypair of 3 bytes", b"[1,2,3]", "3 bytes, not 64"),
]


@pytest.mark.parametrize(("what", "content", "reason"), CONTENTS_REFUSED, ids=[case[0] for case in CONTENTS_REFUSED])
def test_a_file_is_refused(desk: DeskOnDisk, what: str, content: bytes, reason: str) -> None:
    _hft(desk)
    desk.write("hft.json", content)
    (problem,) = desk.problems()
    assert reason in problem.problem, what


def test_a_name_that_stands_twice_is_refused(desk: DeskOnDisk) -> None:
    _hft(desk)
    text = json.dumps(desk.wallet("hft", status="Active"))
    desk.write("hft.json", text.replace('"status"', '"status": "Suspended", "status"'))
    (problem,) = desk.problems()
    assert problem.where.endswith("hft.json: status")
    assert "more than once" in problem.problem


def test_a_pipe_is_refused_without_waiting(desk: DeskOnDisk) -> None:
    os.mkfifo(desk.folder / "pipe")
    desk.lines("hft_wallet:F/pipe:hft:high:0.3")
    (problem,) = desk.problems()
    assert problem.problem == "not a regular file"


def test_a_field_of_others_is_ignored_with_a_warning(desk: DeskOnDisk) -> None:
    _hft(desk, created_at="2024-01-01")
    (warning,) = desk.load().warnings
    assert warning.where.endswith("created_at")


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("max_daily_loss", "write max_daily_loss inside risk_limits"),
        ("max_dayly_loss", "write max_daily_loss inside risk_limits"),
        ("stop_loss", "write stop_loss_threshold inside risk_limits"),
        ("max_position_size", "write max_position_size inside risk_limits"),
        ("trailing_stop_percent", "write trailing_stop_percent inside exits"),
    ],
)
def test_a_limit_beside_the_limits_is_refused(name: str, fix: str, desk: DeskOnDisk) -> None:
    """It would have no effect."""
    _hft(desk, **{name: 5})
    (problem,) = desk.problems()
    assert (problem.where.endswith(f"hft.json: {name}"), problem.fix) == (True, fix)


def test_a_keystore_is_opened_by_the_passphrase(desk: DeskOnDisk) -> None:
    desk.write("hft.json", seal(desk.keys["hft"], "open sesame"))
    desk.lines("hft_wallet:F/hft.json:hft:high:0.3")
    assert desk.load(OVERMIND_KEYSTORE_PASSPHRASE="open sesame").wallets[HFT].key == desk.keys["hft"]
    assert [problem.fix for problem in desk.problems()] == ["set OVERMIND_KEYSTORE_PASSPHRASE"]


def test_a_wallet_json_may_hold_its_key_sealed(desk: DeskOnDisk) -> None:
    _hft(desk, private_key=json.loads(seal(desk.keys["hft"], "open sesame")), risk_limits=LIMITS)
    wallet = desk.load(OVERMIND_KEYSTORE_PASSPHRASE="open sesame").wallets[HFT].wallet
    assert wallet.public_key == desk.keys["hft"].public_key
    assert wallet.limits.daily_loss_max_micros == 1_000 * MICROS


MODES = [(0o600, ""), (0o400, ""), (0o640, "others"), (0o604, "others"), (0o620, "others"), (0o644, "others")]
LIVE = {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "localnet"}


@pytest.mark.parametrize(("mode", "reason"), MODES)
def test_others_must_not_read_a_key_file(desk: DeskOnDisk, mode: int, reason: str) -> None:
    _hft(desk)
    (desk.folder / "hft.json").chmod(mode)
    warnings, problems = desk.load().warnings, desk.problems(**LIVE)
    assert len(warnings) == len(problems) == bool(reason)
    for found in (*warnings, *problems):
        assert "can be read by others" in found.problem
        assert found.fix == f"chmod 600 {desk.folder}/hft.json"


def test_the_dotenv_file_counts_as_a_key_file_where_it_holds_one(desk: DeskOnDisk, tmp_path: Path) -> None:
    dotenv = desk.write("env", f"WALLET1_KEY={desk.env.pop('WALLET1_KEY')}\n", mode=0o644)
    assert [warning.where for warning in desk.load(dotenv).warnings] == [str(dotenv)]
    assert [problem.where for problem in desk.problems(dotenv, **LIVE)] == [str(dotenv)]
    dotenv.chmod(0o600)
    assert isinstance(desk.load(dotenv, **LIVE), MultiWalletConfig)


def test_an_emergency_wallet_with_strategies_is_warned_about(desk: DeskOnDisk) -> None:
    _hft(desk, strategy_allocation=[SNIPING])
    desk.lines("hft_wallet:F/hft.json:emergency:low:0")
    assert "takes no entries" in desk.load().warnings[0].problem


@pytest.mark.parametrize("around", ["{}", "{}\n", "  {}\r\n", "\ufeff{}\r\n", '"{}"\n', "'{}'", "\u00a0{}\u200b"])
def test_a_file_of_base58_text_is_a_key(around: str, desk: DeskOnDisk) -> None:
    """As wallets export it."""
    desk.write("hft.json", around.format(desk.keys["hft"].reveal()))
    desk.lines("hft_wallet:F/hft.json:hft:high:0.3")
    assert desk.load().wallets[HFT].key == desk.keys["hft"]


@pytest.mark.parametrize(
    ("stop", "exits", "warned"),
    [(0, None, True), (5, None, False), (0, {"trailing_stop_percent": 5}, False), (0, {"max_hold_ms": 5}, True)],
)
def test_a_wallet_without_a_stop_loss_is_warned_of(
    desk: DeskOnDisk, stop: float, exits: dict[str, object] | None, warned: bool
) -> None:
    more: dict[str, object] = {} if exits is None else {"exits": exits}
    wallet = desk.wallet("hft", risk_limits={**LIMITS, "stop_loss_threshold": stop}, **more)
    desk.write("hft.json", json.dumps(wallet))
    found = [one.where.rpartition(": ")[2] for one in desk.load().warnings]
    assert found == ["risk_limits.stop_loss_threshold"] * warned
