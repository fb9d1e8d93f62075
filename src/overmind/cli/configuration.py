"""Commands that look at the configuration alone."""

from __future__ import annotations

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import (
    JOURNAL,
    AsJson,
    configured,
    state_on_disk,
)
from overmind.config import ConfigError, MultiWalletConfig, WalletConfig
from overmind.core.books.wallet_limits import in_force
from overmind.core.model.enums import EMERGENCY
from overmind.core.model.units import MICROS, PPM
from overmind.desk.log.setup import require_regular
from overmind.journal.errors import JournalUnusable
from overmind.notices.targets import targets_of
from overmind.views import reports
from overmind.views.limits import differences, limit_amounts


def check(as_json: AsJson = False) -> None:
    """Check the whole configuration and show every problem.

    Each problem is shown with the place where it stands and its fix. Nothing is written and nothing is traded.
    """
    try:
        config = configured()
        require_regular(config.logs_dir)
        targets_of(config.notices.targets)
    except ConfigError as error:
        if not as_json:
            raise
        present.emit_json({"ok": False, "errors": error.problems, "warnings": error.warnings, "wallets": []})
        raise typer.Exit(BAD_INPUT) from None
    wallets, changed = [_checked(wallet) for wallet in config.wallets.values()], _changed(config)
    if as_json:
        told = {"ok": True, "errors": [], "warnings": config.warnings, "wallets": wallets, "changed": changed}
        present.emit_json(told)
        return
    present.warn_of(config.warnings)
    columns = ("wallet", "type", "profile", "share", "public key", "position", "day loss", "exposure", "strategies")
    present.table("Wallets", columns, (_row(wallet) for wallet in config.wallets.values()), right=columns[5:8])
    for wallet_id, limits in changed.items():
        present.table(f"Changed while it ran: {wallet_id}", ("in force",), ((one,) for one in limits))
    present.say(
        f"ok: {len(wallets)} wallets, trading mode {config.mode.value}, cluster {config.cluster.value}", "green"
    )


def _changed(config: MultiWalletConfig) -> dict[str, list[str]]:
    """Limits changed by command that the next start will apply on top of the files, by wallet."""
    if not (config.data_dir / JOURNAL).exists():
        return {}
    try:
        changes = state_on_disk(config.data_dir).changes
    except JournalUnusable as fault:
        present.complain(f"changes made by command cannot be read: {fault}")
        return {}
    told: dict[str, list[str]] = {}
    for wallet_id, one in config.wallets.items():
        wanted = changes.get(wallet_id, {})
        held = in_force(one.wallet, wanted, config.desk.ceilings)
        if found := list(differences(one.wallet, held, wanted)):
            told[wallet_id] = found
    return told


def _checked(configured: WalletConfig) -> dict[str, object]:
    wallet = configured.wallet
    return {
        "wallet_id": wallet.id,
        "wallet_type": wallet.type,
        "risk_profile": wallet.profile,
        "allocation": wallet.allocation_ppm / PPM,
        "public_key": wallet.public_key,
        "status": wallet.status,
        "limits": limit_amounts(wallet.limits),
        "exits": None if wallet.exits is None else reports.exit_row(wallet.exits),
        "strategies": [
            {
                "strategy_type": strategy,
                "allocation_percentage": share.share_ppm * 100 / PPM,
                "max_position_size": share.position_max_micros / MICROS,
                "enabled": share.enabled,
            }
            for strategy, share in wallet.strategies.items()
        ],
    }


def _row(configured: WalletConfig) -> tuple[object, ...]:
    wallet, limits = configured.wallet, configured.wallet.limits
    position, loss = (
        present.usd(limits.position_max_micros / MICROS),
        present.usd(limits.daily_loss_max_micros / MICROS),
    )
    exposure = f"{limits.exposure_max_ppm * 100 / PPM:g}%"
    if wallet.type is EMERGENCY:  # It takes no entries, so no limit of entries is its own.
        position = loss = exposure = "-"
    return (
        wallet.id,
        wallet.type,
        wallet.profile,
        f"{wallet.allocation_ppm * 100 / PPM:g}%",
        wallet.public_key,
        position,
        loss,
        exposure,
        ", ".join(strategy for strategy, share in wallet.strategies.items() if share.enabled),
    )


def show_config(as_json: AsJson = False) -> None:
    """Show every setting in force and where it comes from.

    Secrets are masked.
    """
    config = configured()
    rows = config.effective()
    if as_json:
        present.emit_json(rows)
        return
    present.warn_of(config.warnings)
    shown = ((row.name, row.value, row.origin) for row in rows)
    present.table("Configuration", ("variable", "value", "from"), shown)
