"""The examples in the repository: `cp`, and the desk of the seed stands."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from tools.env_example import example

from overmind.config import ConfigError, MultiWalletConfig
from overmind.config.wallets import EXAMPLE_PUBLIC_KEYS
from overmind.core.model.ids import WalletId

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(REPOSITORY / ".env.example", tmp_path / ".env")
    (tmp_path / "wallets").mkdir()
    for path in (REPOSITORY / "wallets").glob("*.example.json"):
        shutil.copy(path, tmp_path / "wallets" / path.name.replace(".example", ""))
    for path in (tmp_path / ".env", *tmp_path.glob("wallets/*")):
        path.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_copied_examples_are_a_valid_desk(copied: Path) -> None:
    config = MultiWalletConfig.from_env({})
    assert config.warnings == ()
    assert [
        (wallet.id, str(wallet.type), str(wallet.profile), wallet.allocation_ppm)
        for wallet in (each.wallet for each in config.wallets.values())
    ] == [
        ("primary_wallet", "Primary", "medium", 400_000),
        ("hft_wallet", "HFT", "high", 300_000),
        ("conservative_wallet", "Conservative", "low", 200_000),
        ("experimental_wallet", "Experimental", "experimental", 100_000),
    ]
    assert config.desk.default_wallet == WalletId("primary_wallet")


def test_open_modes_are_warned_about_on_paper(copied: Path) -> None:
    for path in (copied / ".env", *copied.glob("wallets/*")):
        path.chmod(0o644)
    assert len(MultiWalletConfig.from_env({}).warnings) == 4


def test_the_example_wallets_say_what_the_tables_say(copied: Path) -> None:
    stated = MultiWalletConfig.from_env({}).wallets
    for path in copied.glob("wallets/*"):
        content = json.loads(path.read_text())
        assert "EXAMPLE" in content["description"]
        del content["risk_limits"], content["strategy_allocation"]
        path.write_text(json.dumps(content))
    assert {wallet_id: msgspec.structs.replace(each.wallet, name="") for wallet_id, each in stated.items()} == {
        wallet_id: msgspec.structs.replace(each.wallet, name="")
        for wallet_id, each in MultiWalletConfig.from_env({}).wallets.items()
    }


def test_the_example_keys_are_refused_on_mainnet(copied: Path) -> None:
    config = MultiWalletConfig.from_env({})
    assert {each.key.public_key for each in config.wallets.values()} == EXAMPLE_PUBLIC_KEYS
    live = {
        "SNIPER_TRADING_MODE": "live",
        "OVERMIND_CLUSTER": "mainnet",
        "OVERMIND_MAINNET_OPT_IN": "I-accept-real-money",
    }
    with pytest.raises(ConfigError) as refused:
        MultiWalletConfig.from_env(live)
    assert len(refused.value.problems) == 4
    assert all("everybody can read" in problem.problem for problem in refused.value.problems)


def test_the_example_file_is_what_the_table_of_variables_writes() -> None:
    written = (REPOSITORY / ".env.example").read_text()
    key = written.rsplit("WALLET1_KEY=", 1)[1].strip()
    assert written == example(key), "write it again: python -m tools.env_example KEY > .env.example"
