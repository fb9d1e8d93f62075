"""A wallet as configured: its type, its limits, its strategies, and the exits of its positions."""

from __future__ import annotations

from overmind.core.model.enums import RiskProfile, StrategyType, WalletStatus, WalletType
from overmind.core.model.ids import WalletId
from overmind.core.model.units import MICROS
from overmind.core.model.value import Value


class Limits(Value, frozen=True):
    """The effective limits of one wallet (specification §4)."""

    daily_loss_max_micros: int
    position_max_micros: int
    exposure_max_ppm: int
    positions_max: int
    stop_loss_ppm: int
    trades_per_day_max: int
    risk_level_ppm: int


class Ceilings(Value, frozen=True):
    """What no operator may exceed in any wallet while the desk runs. Only a wallet's own file may say more."""

    daily_loss_max_micros: int = 2_000 * MICROS
    position_max_micros: int = 20_000 * MICROS
    exposure_max_ppm: int = 900_000
    positions_max: int = 15
    stop_loss_ppm: int = 50_000
    trades_per_day_max: int = 200


class StrategyShare(Value, frozen=True):
    """What one strategy may deploy in one wallet: a share of the wallet's equity and a largest position."""

    share_ppm: int
    position_max_micros: int
    enabled: bool = True


class Wallet(Value, frozen=True):
    """A wallet as configured. What it holds is the journal's business."""

    id: WalletId
    type: WalletType
    profile: RiskProfile
    public_key: str
    allocation_ppm: int  # target share of the portfolio's capital, for the rebalancer
    limits: Limits
    strategies: dict[StrategyType, StrategyShare]
    status: WalletStatus = WalletStatus.ACTIVE
    name: str = ""
    exits: Exits | None = None  # of every position that it has; its stop loss stands in `limits`


class Exits(Value, frozen=True):
    """When what a signal bought is sold again without anybody asking. None: not for this reason."""

    stop_loss_ppm: int | None = None  # below the average cost
    trailing_ppm: int | None = None  # below the highest price since it was bought
    take_profit_ppm: int | None = None  # above the average cost
    hold_max_ns: int | None = None  # after it was bought
