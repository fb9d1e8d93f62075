"""`overmind localnet`: the embedded chain as a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
import uvloop

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT, UNREACHABLE
from overmind.cli.opening import SEED_MAX, AsJson, absolute
from overmind.cli.whole import whole_option
from overmind.text.json_names import repeated_name

PORT_MAX: Final = 65_534
SLOT_MAX_MS: Final = 3_600_000


def localnet(
    port: Annotated[int, whole_option("--port", 0, PORT_MAX, "Port of RPC; WebSocket is on the next. 0: any.")] = 8899,
    slot_ms: Annotated[
        int, whole_option("--slot-ms", 5, SLOT_MAX_MS, "Length of a slot in milliseconds, 5 or more.")
    ] = 400,
    seed: Annotated[int | None, whole_option("--seed", 0, SEED_MAX, "Seed of the genesis hash and the faucet.")] = None,
    state_dir: Annotated[
        Path | None,
        typer.Option("--state-dir", callback=absolute, help="Keep the chain in this folder. Default: a new chain."),
    ] = None,
    faults: Annotated[
        str, typer.Option("--faults", help='Faults as JSON, for example {"drop_ppm": 100000}. See docs/localnet.md.')
    ] = "{}",
    relay: Annotated[
        str,
        typer.Option("--relay", help='Terms of the relay as JSON, for example {"landing_ppm": 800000}.'),
    ] = "{}",
    as_json: AsJson = False,
) -> None:
    """Run an embedded Solana chain with RPC and WebSocket.

    It answers like a real node, until Ctrl-C or SIGTERM.
    """
    from overmind.sandbox.localnet.__main__ import say_ready, serve
    from overmind.sandbox.localnet.faults import Faults
    from overmind.sandbox.localnet.network import Localnet
    from overmind.sandbox.localnet.relay import RelayTerms

    try:
        switches, terms = msgspec.json.decode(faults, type=Faults), msgspec.json.decode(relay, type=RelayTerms)
        for option, text in (("--faults", faults), ("--relay", relay)):
            if (repeated := repeated_name(text)) is not None:
                raise ValueError(f"{option}: {repeated} is given more than once")
        net = Localnet(port=port, slot_ms=slot_ms, seed=seed, faults=switches, state_dir=state_dir, relay=terms)
    except ValueError as error:
        present.complain(str(error), "see `overmind localnet --help` and docs/localnet.md")
        raise typer.Exit(BAD_INPUT) from None

    def say(ready: Localnet) -> None:
        present.say(f"localnet at {ready.url}, WebSocket {ready.ws_url}", "green")
        present.say(f"relay at {ready.relay_url}")
        present.say(f"genesis hash {ready.chain.genesis_hash}, a slot every {slot_ms} ms")
        present.say(f"try:  solana airdrop 10 <ADDRESS> --url {ready.url}")
        present.say(f"      overmind venue --rpc-url {ready.url}")
        present.say("Ctrl-C ends it")

    try:
        uvloop.run(serve(net, say_ready if as_json else say))
    except ValueError as error:  # The state directory is in use or belongs to another chain.
        present.complain(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except OSError as error:
        present.complain(f"port {port} or {port + 1}: {error.strerror or error}", "name another with --port, or 0")
        raise typer.Exit(UNREACHABLE) from None
