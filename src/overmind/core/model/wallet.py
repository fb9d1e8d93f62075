"""A wallet as configured: its type, its limits, its strategies, and the exits of its positions."""

from __future__ import annotations

from overmind.core.model.codes import Limits
from overmind.core.model.enums import RiskProfile, StrategyType, WalletStatus, WalletType
from overmind.core.model.ids import WalletId
from overmind.core.model.route import PUBLIC_ALONE, RouteName
from overmind.core.model.value import Value


class StrategyShare(Value, frozen=True):
    """What one strategy may deploy in one wallet: a share of the wallet's equity, and a maximum position."""

    share_ppm: int
    position_max_micros: int
    enabled: bool = True


class Wallet(Value, frozen=True):
    """A wallet as configured. Its balances are in the journal."""

    id: WalletId
    type: WalletType
    profile: RiskProfile
    public_key: str
    allocation_ppm: int  # target share of the portfolio's capital, for the rebalancer
    limits: Limits
    strategies: dict[StrategyType, StrategyShare]
    status: WalletStatus = WalletStatus.ACTIVE
    name: str = ""
    exits: Exits | None = None  # of all its positions; its stop loss is in `limits`
    routes: tuple[RouteName, ...] = PUBLIC_ALONE  # that its orders may take


class Exits(Value, frozen=True):
    """When the units that a signal bought are sold without another signal. None: no such exit."""

    stop_loss_ppm: int | None = None  # below the average cost
    trailing_ppm: int | None = None  # below the highest price since it was bought
    take_profit_ppm: int | None = None  # above the average cost
    hold_max_ns: int | None = None  # after it was bought
