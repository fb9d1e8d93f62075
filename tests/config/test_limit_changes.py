"""What an operator types of a limit becomes the core's value, exactly, or is refused with all that is wrong."""

from decimal import Decimal

import pytest

from overmind.config.limit_changes import NAMES_MAX, read_changes

# name | given | name of the core | value in the core's unit
READ = """
max_daily_loss                  | 0.000001 | max_daily_loss | 1
max_daily_loss                  | 1e3      | max_daily_loss | 1000000000
max_position_size               | 20000    | max_position_size | 20000000000
max_exposure_percentage         | 79.9999  | max_exposure_percentage | 799999
stop_loss_threshold             | 2.5      | stop_loss_threshold | 25000
max_concurrent_positions        | 0        | max_concurrent_positions | 0
daily_trade_limit               | 100      | daily_trade_limit | 100
risk_level                      | 0.55     | risk_level | 550000
allocation                      | 1        | allocation | 1000000
arbitrage.share                 | 40       | Arbitrage.share | 400000
Momentum.max_position_size      | 12.5     | MomentumTrading.max_position_size | 12500000
MeteoraDAMM.enabled             | true     | MeteoraDAMM.enabled | 1
meteora.enabled                 | off      | MeteoraDAMM.enabled | 0
"""
# name | given | what is wrong
WRONG = """
max_daily_loss                  | 0.0000001 | more digits than can be kept
max_daily_loss                  | -1        | out of bounds
max_daily_loss                  | nan       | not a finite number
max_daily_loss                  | much      | not a number
max_daily_loss                  |           | not a number
max_exposure_percentage         | 100.0001  | out of bounds
stop_loss_threshold             | 101       | out of bounds
max_concurrent_positions        | 1.5       | more digits than can be kept
allocation                      | 40        | out of bounds
Arbitrage.share                 | 101       | out of bounds
Arbitrage.enabled               | maybe     | maybe
Arbitrage.leverage              | 1         | is no limit
Arbitrage.daily_trade_limit     | 1         | is no limit
Nonsense.share                  | 1         | is no limit
share                           | 1         | is no limit
enabled                         | true      | is no limit
MAX_DAILY_LOSS                  | 1         | is no limit
                                | 1         | is no limit
"""


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip("\n").splitlines()]


@pytest.mark.parametrize(("name", "given", "core", "value"), rows(READ))
def test_a_limit_is_read_to_the_last_digit(name: str, given: str, core: str, value: str) -> None:
    assert read_changes({name: given}) == {core: int(value)}


@pytest.mark.parametrize(("name", "given", "problem"), rows(WRONG))
def test_what_is_no_limit_or_no_amount_is_refused(name: str, given: str, problem: str) -> None:
    (found,) = read_changes({name: given})
    assert not isinstance(found, str)
    assert problem in found.problem
    assert found.fix


@pytest.mark.parametrize(
    ("given", "value"),
    [(5, 5_000_000), (Decimal("0.1"), 100_000), (None, None), ("7", 7_000_000)],
)
def test_json_may_have_numbers_texts_and_null(given: object, value: int | None) -> None:
    assert read_changes({"max_daily_loss": given}) == {"max_daily_loss": value}


@pytest.mark.parametrize("given", [True, [1], {}, 1.5])
def test_json_of_another_kind_is_no_number(given: object) -> None:
    assert isinstance(read_changes({"max_daily_loss": given}), tuple)


def test_all_problems_are_reported_at_once() -> None:
    problems = read_changes(
        {"a": "1", "allocation": "7", "arbitrage.share": "1", "Arbitrage.share": "1", "risk_level": "1"}
    )
    assert isinstance(problems, tuple)
    assert [one.where for one in problems] == ["a", "allocation", "Arbitrage.share"]
    assert isinstance(read_changes({f"n{number}": 1 for number in range(NAMES_MAX + 1)}), tuple)
