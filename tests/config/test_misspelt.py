"""Variables that are nearly ours (specification §5)."""

from __future__ import annotations

import pytest
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config.misspelt import meant_by
from overmind.config.variables.table import GUARDS, HARMLESS, VARIABLES

LIVE = {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "localnet"}
DAY_LOSS = "OVERMIND_DAY_LOSS_MAX_PERCENT"

# name | the variable that is meant
SLIPS = f"""
OVERMIND_DAY_LOSS_MAX_PERCNT        | {DAY_LOSS}
OVERMIND_DAYLOSS_MAX_PERCENT        | {DAY_LOSS}
OVERMIND_MAX_DAY_LOSS_PERCENT       | {DAY_LOSS}
OVERMIND_DAY_LOSS_PERCENT           | {DAY_LOSS}
OVERMIND_DAY_LOSS_MAX               | {DAY_LOSS}
OVERMND_DAY_LOSS_MAX_PERCENT        | {DAY_LOSS}
OVERMIN_DAY_LOSS_MAX_PERCNT         | {DAY_LOSS}
OVERMIND__DAY_LOSS_MAX_PERCENT      | {DAY_LOSS}
OVERMIND-DAY-LOSS-MAX-PERCENT       | {DAY_LOSS}
OVERMINDDAY_LOSS_MAX_PERCENT        | {DAY_LOSS}
overmind_day_loss_max_percent       | {DAY_LOSS}
Overmind_Day_Loss_Max_Percent       | {DAY_LOSS}
SNIPER_DAY_LOSS_MAX_PERCENT         | {DAY_LOSS}
SNIPPER_DAY_LOSS_MAX_PERCENT        | {DAY_LOSS}
EXPORT_OVERMIND_DAY_LOSS_MAX_PERCENT|
export OVERMIND_DAY_LOSS_MAX_PERCENT| OVERMIND_DAY_LOSS_MAX_PERCENT
OVERMIND_DAY_LOSS_MAX_PERCENT\u200b | {DAY_LOSS}
\ufeffOVERMIND_DAY_LOSS_MAX_PERCENT | {DAY_LOSS}
\u041eVERMIND_DAY_LOSS_MAX_PERCENT  | {DAY_LOSS}
OVERMIND_TRADING_MODE               | SNIPER_TRADING_MODE
SNIPER_TRADE_MODE                   | SNIPER_TRADING_MODE
OVERMIND_SOLANA_RPC_URL             | SNIPER_SOLANA_RPC_URL
OVERMIND_EMERGENCY_STOP_TRESHOLD    | OVERMIND_EMERGENCY_STOP_THRESHOLD
OVERMIND_STOP_THRESHOLD_EMERGENCY   | OVERMIND_EMERGENCY_STOP_THRESHOLD
OVERMIND_WITHDRAW_ADDRESS           | OVERMIND_WITHDRAW_ADDRESSES
OVERMIND_WITHDRAWAL_DAY_MAX_USD     | OVERMIND_WITHDRAW_DAY_MAX_USD
OVERMIND_MAINNET_OPTIN              | OVERMIND_MAINNET_OPT_IN
SNIPER_LOG_LEVL                     | SNIPER_LOG_LEVEL
OVERMIND_LOG_LEVEL                  | SNIPER_LOG_LEVEL
OVERMIND_HOME                       |
OVERMIND_GIT_COMMIT                 |
PATH                                |
OTHER_OVERMIND_X                    |
LOG_LEVEL                           |
SERVER_PORT                         |
SNAPPER_CONFIG                      |
SERVICE_TRADING_DESK                |
"""


@pytest.mark.parametrize("case", [line for line in SLIPS.splitlines() if line])
def test_the_variable_that_is_meant(case: str) -> None:
    name, meant = (cell.strip(" ") for cell in case.split("|"))
    assert meant_by(name) == (meant or None)


@pytest.mark.parametrize("variable", [one.name for one in VARIABLES])
def test_every_slip_of_every_name_is_seen(variable: str) -> None:
    for place in range(len(variable)):
        for slip in (variable[:place] + variable[place + 1 :], variable[:place] + "X" + variable[place + 1 :]):
            assert slip == variable or meant_by(slip) is not None, slip
    head, _, rest = variable.partition("_")
    other = {"OVERMIND": "SNIPER", "SNIPER": "OVERMIND"}[head]
    assert meant_by(f"{other}_{rest}") == variable
    assert meant_by(variable.lower()) == variable


@pytest.mark.parametrize(
    "name", ["OVERMIND_DAY_LOSS_MAX_PERCNT", "overmind_mainnet_opt_in", "OVERMND_WITHDRAW_DELAY_SEC"]
)
def test_live_a_misspelt_guard_is_an_error(name: str, desk: DeskOnDisk) -> None:
    (problem,) = desk.problems(**LIVE, **{name: "5"})
    assert (problem.where, problem.fix) == (f"env: {name}", f"did you mean {meant_by(name)}?")
    (warning,) = desk.load(**{name: "5"}).warnings
    assert warning == problem


def test_live_what_guards_no_money_is_a_warning(desk: DeskOnDisk) -> None:
    warnings = desk.load(**LIVE, SNIPER_LOG_LEVL="debug", OVERMIND_SOMETHING_ELSE="1").warnings
    assert [one.fix for one in warnings] == ["take it out", "did you mean SNIPER_LOG_LEVEL?"]


def test_a_line_of_the_file_that_lacks_its_prefix(desk: DeskOnDisk) -> None:
    dotenv = desk.write("dotenv", "DAY_LOSS_MAX_PERCENT=5\nLOG_LEVEL=debug\n")
    (problem,) = desk.problems(dotenv, **LIVE)
    assert (problem.where, problem.fix) == (".env: DAY_LOSS_MAX_PERCENT", f"did you mean {DAY_LOSS}?")
    assert desk.problems(**LIVE, DAY_LOSS_MAX_PERCENT="5") == ()  # It may belong to another program.


def test_live_a_guard_that_is_set_twice_is_an_error(desk: DeskOnDisk) -> None:
    dotenv = desk.write("dotenv", f"{DAY_LOSS}=5\n{DAY_LOSS}=50\nSNIPER_LOG_LEVEL=info\nSNIPER_LOG_LEVEL=debug\n")
    (problem,) = desk.problems(dotenv, **LIVE)
    assert (problem.where, problem.problem) == (f"{dotenv}: line 2", f"{DAY_LOSS} is set a second time; this one holds")
    assert len(desk.load(dotenv).warnings) == 2


def test_the_variable_of_a_wallets_key_may_have_any_name(desk: DeskOnDisk) -> None:
    desk.env["OVERMIND_CLUSTERS"] = desk.env["WALLET1_KEY"]
    desk.lines("w:env:OVERMIND_CLUSTERS:primary:medium:0.4")
    assert desk.load(**LIVE).warnings == ()


def test_what_guards_money() -> None:
    """A new variable guards money unless it is listed as harmless."""
    assert {
        "SNIPER_TRADING_MODE",
        "OVERMIND_MAINNET_OPT_IN",
        "OVERMIND_EMERGENCY_STOP_THRESHOLD",
        "OVERMIND_CEILING_STOP_LOSS_PERCENT",
        "OVERMIND_WITHDRAW_ADDRESSES",
        "OVERMIND_MANAGED_WALLETS",
        DAY_LOSS,
    } <= GUARDS
    assert len(GUARDS) + len(HARMLESS) == len(VARIABLES)
