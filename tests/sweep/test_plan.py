"""A sweep's file: what is read from it, and how each mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sweep.files import VARY, write_sweep

from overmind.config import ConfigError, MultiWalletConfig
from overmind.core.model.ids import WalletId
from overmind.core.model.units import PPM
from overmind.sandbox.demo import demo_env
from overmind.sweep.lines import lines_of
from overmind.sweep.names import fault_of, with_settings
from overmind.sweep.plan import FIXED, TOP, read_plan
from overmind.sweep.plan import VARY as VARY_TABLE
from overmind.sweep.tasks import combinations, tasks_of


def test_the_grid_is_each_value_with_each_other(tmp_path: Path) -> None:
    plan = read_plan(write_sweep(tmp_path, "seeds = [0, 1]\nparts = 3"))
    assert [tuple(one.values()) for one in combinations(plan)] == [
        ("1", "10000"),
        ("1", "20000"),
        ("5", "10000"),
        ("5", "20000"),
    ]
    tasks = tasks_of(plan, "x")
    assert len({task.key for task in tasks}) == len(tasks) == 4 * 2 * 3


@pytest.mark.parametrize(
    ("vary", "values"),
    [
        ("[vary]\nhft_wallet.stop_loss_threshold = { from = 1, to = 5, steps = 3 }", ["1", "3", "5"]),
        ("[vary]\nhft_wallet.allocation = { from = 0.1, to = 0.2, steps = 3 }", ["0.1", "0.15", "0.2"]),
        ('[vary]\n"hft_wallet.max_position_size" = { from = 1, to = 3, steps = 9 }', ["1", "2", "3"]),
        ("[vary]\nhft_wallet.allocation = { from = 0, to = 1, steps = 3 }", ["0", "0.5", "1"]),
        ("[vary]\nOVERMIND_DUST_USD = [0.10, 2.50]", ["0.1", "2.5"]),
    ],
    ids=["whole", "decimal", "of whole ends whole numbers", "a share", "as they would be typed"],
)
def test_values(tmp_path: Path, vary: str, values: list[str]) -> None:
    found = combinations(read_plan(write_sweep(tmp_path, vary=vary)))
    assert [next(iter(one.values())) for one in found] == values


def test_random_draws_differ_from_each_other_and_repeat_with_their_seed(tmp_path: Path) -> None:
    vary = "[vary]\nhft_wallet.allocation = { from = 0, to = 1 }\nOVERMIND_MAX_CONCURRENT_WALLETS = [1, 2, 3]"
    drawn = [
        combinations(read_plan(write_sweep(tmp_path, f"draws = 40\ndraw_seed = {seed}", vary))) for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({tuple(one.items()) for one in drawn[0]}) == 40


def test_every_value_that_is_drawn_has_digits_that_the_setting_keeps(tmp_path: Path) -> None:
    vary = (
        "[vary]\nOVERMIND_ASSET_MAX_PERCENT = { from = 0.5, to = 99.5 }\nhft_wallet.allocation = { from = 0, to = 1 }\n"
        "hft_wallet.max_position_size = { from = 10.000001, to = 11 }"
    )
    plan = read_plan(write_sweep(tmp_path, "draws = 100", vary))
    config = MultiWalletConfig.from_env(demo_env(1, tmp_path), dotenv=None)
    for name in plan.varied:
        assert fault_of(name, [one[name] for one in combinations(plan)], config.wallets) is None, name


def test_more_draws_than_the_grid_has_are_the_grid(tmp_path: Path) -> None:
    assert len(combinations(read_plan(write_sweep(tmp_path, "draws = 9")))) == 4


@pytest.mark.parametrize(
    ("more", "vary", "said"),
    [
        ("cores = 3", VARY, "line 3: cores: it is no key of a sweep"),
        ("parts = 0", VARY, "line 3: parts"),
        ("seeds = []", VARY, "line 3: seeds"),
        ("seeds = [1, 1]", VARY, "line 3: seeds"),
        ('choose_by = "luck"', VARY, "line 3: choose_by: 'luck' is not known"),
        ('detail = "nowhere"', VARY, "line 3: detail"),
        ('costs = "cheap"', VARY, "line 3: costs: "),
        ("costs = 3", VARY, "line 3: costs: '3' is no text"),
        ("sol_price = -1", VARY, "line 3: sol_price: '-1' is no price"),
        ('stamps = "middle"', VARY, "line 3: stamps"),
        ("", "", "vary: nothing varies"),
        ("", "[vary]", "line 4: vary: nothing varies"),
        ("", "[vary]\nOVERMIND_DUST_USD = []", "line 5: OVERMIND_DUST_USD: 0 values"),
        ("", "[vary]\nOVERMIND_DUST_USD = 3", "line 5: OVERMIND_DUST_USD: '3' is no list of values"),
        ("", "[vary]\nOVERMIND_DUST_USD = [3, 3]", "line 5: OVERMIND_DUST_USD: a value stands there twice"),
        ("", "[vary]\nOVERMIND_DUST_USD = { from = 1, to = 5 }", "line 5: OVERMIND_DUST_USD: is no range"),
        ("", "[vary]\nOVERMIND_DUST_USD = { from = 5, to = 1, steps = 3 }", "line 5: OVERMIND_DUST_USD: is no range"),
        (
            "[fixed]\nOVERMIND_DUST_USD = 1",
            "[vary]\nOVERMIND_DUST_USD = [1, 2]",
            "line 4: OVERMIND_DUST_USD: it varies",
        ),
        ("oops", VARY, "not TOML"),
    ],
)
def test_each_mistake_is_told_with_file_and_line(tmp_path: Path, more: str, vary: str, said: str) -> None:
    path = write_sweep(tmp_path, more, vary)
    with pytest.raises(ConfigError) as told:
        read_plan(path)
    text = str(told.value).replace("vary.", "").replace("fixed.", "")
    assert said in text
    assert str(path) in text


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OVERMIND_ASSET_MAX_PERCENT", "40", None),
        ("OVERMIND_ASSET_MAX_PERCNT", "40", "it is no setting"),
        ("OVERMIND_ASSET_MAX_PERCENT", "101", "out of bounds"),
        ("OVERMIND_DATA_DIR", "/tmp", "has no effect on a backtest"),
        ("OVERMIND_MANAGED_WALLETS", "x", "has no effect on a backtest"),
        ("hft_wallet.max_position_size", "500", None),
        ("hft_wallet.Arbitrage.share", "40", None),
        ("hft_wallet.trailing_stop_percent", "3", None),
        ("hft_wallet.trailing_stop_percent", "300", "out of bounds"),
        ("hft_wallet.AxiomMemeCoin.share", "40", "hft_wallet has no AxiomMemeCoin.share"),
        ("hft_wallet.luck", "1", "is no limit"),
        ("nobody.max_position_size", "500", "there is no wallet 'nobody'"),
        ("*.max_position_size", "abc", "abc"),
    ],
)
def test_names_and_values_are_checked_before_the_start(tmp_path: Path, name: str, value: str, said: str | None) -> None:
    config = MultiWalletConfig.from_env(demo_env(1, tmp_path), dotenv=None)
    fault = fault_of(name, [value], config.wallets)
    assert fault is None if said is None else fault is not None and said in fault.problem


def test_wallets_whose_allocation_does_not_vary_share_the_rest(tmp_path: Path) -> None:
    config = MultiWalletConfig.from_env(demo_env(1, tmp_path), dotenv=None)
    changed = with_settings(config, {"hft_wallet.allocation": "0.65"})
    shares = {wallet_id: one.wallet.allocation_ppm / PPM for wallet_id, one in changed.wallets.items()}
    assert shares == {
        "primary_wallet": 0.2,
        "hft_wallet": 0.65,
        "conservative_wallet": 0.1,
        "experimental_wallet": 0.05,
    }
    with pytest.raises(ConfigError, match=r"the allocations sum to 1\.2"):
        with_settings(config, {"hft_wallet.allocation": "0.6", "primary_wallet.allocation": "0.6"})


def test_settings_of_wallets_take_effect(tmp_path: Path) -> None:
    config = MultiWalletConfig.from_env(demo_env(1, tmp_path), dotenv=None)
    changed = with_settings(config, {"*.max_position_size": "123", "hft_wallet.take_profit_percent": "7"})
    assert {one.wallet.limits.position_max_micros for one in changed.wallets.values()} == {123_000_000}
    exits = changed.wallets[WalletId("hft_wallet")].wallet.exits
    assert exits is not None
    assert exits.take_profit_ppm == 70_000
    with pytest.raises(ConfigError, match="the enabled shares of hft_wallet sum to"):
        with_settings(config, {"hft_wallet.Arbitrage.share": "100"})


def test_keys_are_found_in_tables_quoted_and_dotted() -> None:
    text = 'a = 1\n# b = 2\n[vary]\n"*.x" = [1]\nhft . y = [2]\n[vary."w z"]\nq = 1\n'
    assert lines_of(text) == {"a": 1, "vary": 3, "vary.*.x": 4, "vary.hft.y": 5, "vary.w z": 6, "vary.w z.q": 7}


def test_the_file_of_the_documentation_can_be_read(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text(encoding="utf-8")
    path = write_sweep(tmp_path)
    path.write_text(document.partition("```toml\n")[2].partition("```")[0])
    plan = read_plan(path)
    assert (len(tasks_of(plan, "x")), plan.work.parts, plan.seeds) == (3 * 5 * 3 * 2 * 4, 4, (0, 1))
    config = MultiWalletConfig.from_env(demo_env(1, tmp_path), dotenv=None)
    texts = {name: values if isinstance(values, tuple) else values.values() for name, values in plan.varied.items()}
    assert [fault_of(name, values, config.wallets) for name, values in texts.items()] == [None, None, None]
    table = document.partition("| key | meaning |")[2].partition("\n\n")[0]
    assert all(f"`{name}`" in table for name in TOP if name not in (VARY_TABLE, FIXED))
