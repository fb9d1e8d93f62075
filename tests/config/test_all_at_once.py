"""A configuration with many errors reports them all, and however it is broken, only a ConfigError comes out.

See specification §5.2.
"""

import json
import string
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.keypair import Keypair
from tests.support.desk_on_disk import DeskOnDisk
from tests.support.effort import examples

from overmind.config import ConfigError, MultiWalletConfig, describe
from overmind.core.model.units import PPM

SECRETS = {
    "OVERMIND_API_TOKEN": "token-of-the-desk-0123456789",
    "OVERMIND_KEYSTORE_PASSPHRASE": "a passphrase that nobody may see",
    "SNIPER_SOLANA_RPC_URL": "https://user:hunter2@rpc.example.com/v2/abcdef0123456789abcdef?api-key=k3y-of-rpc#frag-secret",
}
PIECES = ("token-of-the", "nobody may see", "hunter2", "user", "abcdef0123456789", "k3y-of-rpc", "frag-secret")


def test_ten_errors_are_ten_problems(desk: DeskOnDisk) -> None:
    desk.write("bad.json", json.dumps(desk.wallet("hft", status="Actve", risk_limits={"max_daily_loss": -5})))
    desk.lines("a b:env:NOWHERE:primry:middle:4,hft_wallet:F/bad.json:hft:high:.1,c:F/missing.json:hft:high:nan")
    problems = desk.problems(
        SNIPER_TRADING_MODE="papr",
        SNIPER_SERVER_PORT="http",
        OVERMIND_DEFAULT_WALLET="nobody",
        OVERMIND_ASSET_MAX_PERCENT="101",
        OVERMIND_EMERGENCY_STOP_THRESHOLD="inf",
        OVERMIND_AUTO_REBALANCE_ENABLED="si",
    )
    expected = [
        ("SNIPER_TRADING_MODE", "'papr' is not known"),
        ("OVERMIND_MANAGED_WALLETS[1]", "the wallet id 'a b'"),
        ("OVERMIND_MANAGED_WALLETS[1]", "the variable that env:NOWHERE names is not set"),
        ("OVERMIND_MANAGED_WALLETS[1]", "wallet type 'primry'"),
        ("OVERMIND_MANAGED_WALLETS[1]", "risk profile 'middle'"),
        ("OVERMIND_MANAGED_WALLETS[1]", "allocation 4 fraction is out of bounds"),
        ("OVERMIND_MANAGED_WALLETS[3] c", "allocation 'nan'"),
        ("bad.json: status", "'Actve' is not known"),
        ("bad.json: risk_limits.max_daily_loss", "-5 USD is out of bounds"),
        ("bad.json: risk_limits.max_position_size", "missing"),
        ("bad.json: risk_limits.max_concurrent_positions", "missing"),
        ("bad.json: risk_limits.max_exposure_percentage", "missing"),
        ("bad.json: risk_limits.stop_loss_threshold", "missing"),
        ("bad.json: risk_limits.daily_trade_limit", "missing"),
        ("missing.json", "the file does not exist"),
        ("SNIPER_SERVER_PORT", "'http' is not a number"),
        ("OVERMIND_DEFAULT_WALLET", "'nobody' is not among"),
        ("OVERMIND_ASSET_MAX_PERCENT", "101 percent is out of bounds"),
        ("OVERMIND_EMERGENCY_STOP_THRESHOLD", "'inf' is not a finite number"),
        ("OVERMIND_AUTO_REBALANCE_ENABLED", "'si' is not known"),
    ]
    for where, problem in expected:
        assert any(where in found.where and problem in found.problem for found in problems), (where, problem)
    assert len(problems) == len(expected)
    assert all(found.fix for found in problems)


def test_the_error_says_it_all_in_one_text(desk: DeskOnDisk) -> None:
    with pytest.raises(ConfigError) as refused:
        desk.load(SNIPER_SERVER_PORT="x", SNIPER_LOG_LEVEL="y", SNIPER_TYPO="z")
    lines = str(refused.value).splitlines()
    assert lines[0] == "2 problems in the configuration:"
    assert len(lines) == 3
    assert [warning.where for warning in refused.value.warnings] == ["env: SNIPER_TYPO"]


def _visible(config: MultiWalletConfig) -> str:
    return "\n".join([repr(config), str(config), f"{config}", str(config.effective()), str(config.warnings)])


def test_what_is_printed_of_a_configuration_holds_no_secret(desk: DeskOnDisk) -> None:
    config = desk.load(**SECRETS)
    seen = _visible(config)
    for piece in (*PIECES, *(str(key.reveal()) for key in desk.keys.values())):
        assert piece not in seen
    rows = {row.name: row.value for row in config.effective()}
    assert rows["SNIPER_SOLANA_RPC_URL"] == "https://***@rpc.example.com/v2/***?api-key=***#***"
    assert rows["OVERMIND_API_TOKEN"] == rows["OVERMIND_KEYSTORE_PASSPHRASE"] == rows["WALLET1_KEY"] == "***"
    assert rows["OVERMIND_MANAGED_WALLETS"] == desk.env["OVERMIND_MANAGED_WALLETS"]
    assert config.rpc_url is not None
    assert config.rpc_url.reveal() == SECRETS["SNIPER_SOLANA_RPC_URL"]


def test_show_config_has_every_variable(desk: DeskOnDisk) -> None:
    rows = desk.load().effective()
    assert [row.name for row in rows] == [*(row.name for row in describe()), "WALLET1_KEY"]
    assert next(row.value for row in rows if row.name == "OVERMIND_CLUSTER") == "paper"


def _traceback(env: dict[str, str]) -> str:
    """As a reporter would print it that shows local variables: the frames of ours, not those of the test."""
    try:
        return _visible(MultiWalletConfig.from_env(env, None))
    except ConfigError as refused:
        trace = traceback.TracebackException.from_exception(refused, capture_locals=True)
        ours = [frame for frame in trace.stack if "overmind" in Path(frame.filename).parts]
        trace.stack = traceback.StackSummary.from_list(ours)
        return "".join([*trace.format(), repr(refused), str(refused.warnings)])


SHAPES: dict[str, Callable[[str], str]] = {
    "whole": lambda key: key,
    "cut": lambda key: key[:-1],
    "with a letter that base58 lacks": lambda key: "0" + key[1:],
    "doubled": lambda key: key + key,
    "in quotes": lambda key: f'"{key}"',
    "in the middle of a text": lambda key: f"key={key};",
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["WALLET1_KEY", *(row.name for row in describe())])
def test_a_key_in_the_wrong_place_is_never_repeated(name: str, shape: str) -> None:
    key = str(Keypair.from_seed(bytes(range(32))))
    env = {"OVERMIND_MANAGED_WALLETS": "p:env:WALLET1_KEY:primary:medium:1", name: SHAPES[shape](key)}
    assert key[1:-1] not in _traceback(env)


@pytest.mark.parametrize("name", [row.name for row in describe() if not row.secret])
def test_a_key_in_a_variable_that_holds_none_is_refused(desk: DeskOnDisk, name: str) -> None:
    problems = desk.problems(**{name: str(desk.keys["hft"].reveal())})
    assert [problem.problem for problem in problems if problem.where == name][:1] == ["holds a private key"]


@pytest.mark.parametrize("name", ["WALLET1_KEY", *(row.name for row in describe())])
def test_an_array_in_the_wrong_place_is_never_repeated(name: str) -> None:
    key = str(list(bytes(Keypair.from_seed(bytes(range(32))))))
    for text in (key, key[1:-1], key.replace(" ", ""), f"p:{key}:primary:medium:1", f"p:{key[1:-1]}:primary:medium:1"):
        seen = _traceback({"OVERMIND_MANAGED_WALLETS": "p:env:WALLET1_KEY:primary:medium:1", name: text})
        assert "19, 20" not in seen
        assert "19,20" not in seen


NAMES = st.sampled_from(["WALLET1_KEY", *(row.name for row in describe())])
WORDS = st.one_of(st.text(), st.text(string.printable), st.from_regex(r"[+-]?[0-9.eE]{1,12}", fullmatch=True))
ENTRIES = st.lists(st.one_of(WORDS, st.sampled_from(["p", "env", "WALLET1_KEY", "primary", "medium", "0.5", "~x"])))
LINES = st.lists(ENTRIES.map(":".join)).map(",".join)


@given(st.dictionaries(NAMES, WORDS), LINES)
def test_random_variables_give_a_configuration_or_a_config_error(env: dict[str, str], lines: str) -> None:
    with pytest.raises(ConfigError) as refused:
        MultiWalletConfig.from_env({"OVERMIND_MANAGED_WALLETS": lines, **env, "SNIPER_SERVER_PORT": "bad"}, None)
    assert all(problem.where and problem.problem and problem.fix for problem in refused.value.problems)
    assert str(refused.value).isprintable() or "\n" in str(refused.value)


@given(st.binary(max_size=300))
def test_random_dotenv_files_give_a_configuration_or_a_config_error(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        dotenv = Path(folder, "env")
        dotenv.write_bytes(content)
        with pytest.raises(ConfigError):
            MultiWalletConfig.from_env({"SNIPER_SERVER_PORT": "bad"}, dotenv)


FIELDS = [
    "wallet_id",
    "private_key",
    "public_key",
    "risk_limits",
    "strategy_allocation",
    "status",
    "name",
    "max_daily_loss",
    "strategy_type",
    "allocation_percentage",
    "enabled",
    "format",
    "x",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(JSON | st.binary(max_size=100))
def test_random_wallet_files_give_a_configuration_or_a_config_error(content: object) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "w.json")
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        with pytest.raises(ConfigError):
            MultiWalletConfig.from_env({"OVERMIND_MANAGED_WALLETS": f"w:{path}:hft:high:1"}, None)


@st.composite
def shares(draw: st.DrawFn) -> list[int]:
    cuts = sorted(draw(st.lists(st.integers(0, PPM), min_size=1, max_size=4)))
    return [high - low for low, high in zip([0, *cuts], cuts, strict=False)]


@settings(max_examples=examples(30))
@given(shares(), st.integers(0, 10**18), st.integers(0, PPM), st.integers(0, 10**12))
def test_what_is_valid_is_read_to_the_last_digit(allocations: list[int], loss: int, stop: int, trades: int) -> None:
    with TemporaryDirectory() as name:
        desk = DeskOnDisk(Path(name))
        lines = []
        for key, allocation in zip(desk.keys, allocations, strict=False):
            limits = {
                "max_daily_loss": f"{loss // 10**6}.{loss % 10**6:06}",
                "max_position_size": 1,
                "max_concurrent_positions": 1,
                "max_exposure_percentage": 1,
                "stop_loss_threshold": f"{stop // 10**4}.{stop % 10**4:04}",
                "daily_trade_limit": trades,
            }
            desk.write(f"{key}.json", json.dumps(desk.wallet(key, risk_limits=limits)))
            share = f"{allocation // PPM}.{allocation % PPM:06}"
            lines.append(f"{key}_wallet:F/{key}.json:{key}:low:{share}")
        desk.lines(",".join(lines))
        wallets = [config.wallet for config in desk.load().wallets.values()]
    assert [wallet.allocation_ppm for wallet in wallets] == allocations
    for wallet in wallets:
        assert wallet.limits.daily_loss_max_micros == loss
        assert wallet.limits.stop_loss_ppm == stop
        assert wallet.limits.trades_per_day_max == trades


def test_nothing_is_written_to_the_console(desk: DeskOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.problems(SNIPER_SERVER_PORT="x", **SECRETS)
    assert tuple(capsys.readouterr()) == ("", "")
