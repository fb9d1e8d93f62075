"""`overmind write-off`: end a position that is not worth selling."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer

from overmind.cli import present
from overmind.cli.control import read_position
from overmind.cli.offline import command_on_disk
from overmind.cli.opening import AsJson, DataDir, data_dir_of, state_on_disk
from overmind.cli.reasons import Reason, refuse_blank
from overmind.cli.remote import call_service, read_as
from overmind.core.model.commands import WriteOff
from overmind.core.model.ids import WalletId
from overmind.views.closing import WrittenOff
from overmind.views.targets import mint_held


def write_off(
    position: Annotated[str, typer.Argument(help="WALLET:SYMBOL or WALLET:MINT, as `overmind positions` shows it.")],
    reason: Reason,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Stop counting a position that is dust.

    Dust is worth less than OVERMIND_DUST_USD. Its cost becomes a loss. The units stay in the wallet, and no sale takes
    them any more.
    """
    refuse_blank(reason)
    directory, (wallet_id, token) = data_dir_of(data_dir), read_position(position)
    path = f"/v1/positions/{quote(wallet_id, safe='')}/{quote(token, safe='')}/write-off"
    answer = call_service(directory, path, {"reason": reason})
    if answer is not None:
        row = read_as(answer, WrittenOff)
    else:
        row = _write_off_offline(directory, WalletId(wallet_id), token, reason)
    if as_json:
        present.emit_json({"position": position, **msgspec.structs.asdict(row)})
    else:
        present.say(f"{position}: written off, {row.units} base units stay in the wallet")


def _write_off_offline(directory: Path, wallet_id: WalletId, token: str, reason: str) -> WrittenOff:
    state = state_on_disk(directory)
    mint = mint_held(state, wallet_id, token)
    units = state.wallets[wallet_id].positions[mint].units
    command_on_disk(directory, WriteOff(wallet_id, mint, reason))
    return WrittenOff(wallet_id, mint, units, reason)
