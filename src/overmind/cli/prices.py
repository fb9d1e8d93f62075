"""`overmind accept-price`: end the wait for a price that the desk does not believe."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.offline import command_on_disk
from overmind.cli.opening import AsJson, DataDir, data_dir_of, state_on_disk
from overmind.cli.reasons import Reason, refuse_blank
from overmind.cli.remote import call_service
from overmind.config.files import InvalidValue
from overmind.config.typed_price import price_typed
from overmind.core.model.commands import AcceptPrice
from overmind.views.limits import mint_named
from overmind.views.prices import accepted_text


def accept_price(
    token: Annotated[str, typer.Argument(help="Symbol of a listed token, or a mint address.")],
    price: Annotated[str, typer.Argument(help="Its price in USD, as you found it elsewhere.")],
    reason: Reason,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Say what a token costs if its price is not believed.

    New prices are measured against yours: those near it are believed, and exits sell at it. `overmind risk` shows the
    prices that are not believed. Look the price up where the desk does not: a server that lies would confirm itself.
    """
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    price_pico = price_typed(price)
    if isinstance(price_pico, InvalidValue):
        present.complain(price_pico.problem, price_pico.fix)
        raise typer.Exit(BAD_INPUT)
    state = state_on_disk(directory)
    mint = mint_named(state, token)
    if call_service(directory, f"/v1/prices/{quote(mint, safe='')}/accept", {"reason": reason, "price": price}) is None:
        command_on_disk(directory, AcceptPrice(mint, price_pico, reason))
    if as_json:
        present.emit_json({"mint": mint, "price": price})
    else:
        present.say(accepted_text(state, mint, price_pico))
