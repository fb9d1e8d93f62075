"""Numbers from outside are read in `core/model/numbers.py` and nowhere else.

`Decimal(text)`, `float(text)`, `int(text)` and `Fraction(text)` accept what no program can compute with. So every call
of them stands here, with the reason why no text from outside reaches it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import overmind

ROOT = Path(overmind.__file__).parent
PARSER = "core/model/numbers.py"
CONVERTERS = {"Decimal", "float", "int", "Fraction", "complex"}
TYPE_TESTS = {"isinstance", "issubclass"}

OF_NUMPY = "an integer or a float of numpy"
OF_OURS = "a number of our own"
OF_SQLITE = "an integer of SQLite"
OF_JSON = "the shape of an integer of JSON"
SHAPED = "_shaped(await self._call"
ALLOWED = {
    ("backtest/bots.py", "Decimal(price_of(pico).exact)"): OF_OURS,
    ("backtest/bots.py", "Decimal(tokens_of(units, token.decimals).exact)"): OF_OURS,
    ("backtest/bots.py", "Decimal(usd_of(self._intake.state.equity_micros).exact)"): OF_OURS,
    ("cli/decisions.py", "Decimal(row.price)"): OF_OURS,
    ("cli/order_tables.py", "Decimal(row.price)"): OF_OURS,
    ("config/limit_changes.py", "int(flag)"): "a boolean",
    ("config/typed_price.py", "Decimal(PRICE_MAX_PICO // PICO)"): OF_OURS,
    ("core/books/wallet_limits.py", "int(share.enabled)"): "a boolean",
    ("cli/history.py", "float(found)"): "a decimal that the shared parser has read",
    ("core/entries/ranking.py", "float(request.impact_bps)"): OF_OURS,
    ("core/entries/ranking.py", "float(request.notional_micros or 1)"): OF_OURS,
    ("core/entries/ranking.py", "float(request.notional_micros)"): OF_OURS,
    ("core/entries/ranking.py", "float(max(1, capacity_micros))"): OF_OURS,
    ("core/entries/selection_index.py", "float(request.notional_micros)"): OF_OURS,
    ("core/entries/selection_index.py", "int(candidates[best])"): OF_NUMPY,
    ("core/entries/selection_index.py", "int(capacity[slot])"): OF_NUMPY,
    ("core/entries/selection_index.py", "int(stop)"): OF_NUMPY,
    ("core/entries/selection_index.py", "int(costs.argmin())"): OF_NUMPY,
    ("core/entries/selection_index.py", "float(corrected[best] - corrected[favoured])"): OF_NUMPY,
    ("core/entries/sizing.py", "int(rooms.max())"): OF_NUMPY,
    ("core/model/units.py", "int(10 ** n)"): OF_OURS,
    ("http/connections.py", "int(self.anonymous_max * PEER_SHARE)"): OF_OURS,
    ("journal/database.py", "int(db.execute('SELECT coalesce(max(seq), 0) FROM journal').get)"): OF_SQLITE,
    ("journal/database.py", "int(part)"): "the version of the bundled SQLite",
    (
        "journal/catalogue/store.py",
        "int(self._db.execute('SELECT id FROM topic WHERE name = ?', (name,)).get)",
    ): OF_SQLITE,
    ("journal/catalogue/store.py", "int(self._db.execute('SELECT seq FROM filed').get)"): OF_SQLITE,
    ("journal/segments/keeper_process.py", "int(word)"): OF_OURS,
    ("journal/bars/store.py", "int(self._db.execute('SELECT seq FROM reached').get)"): OF_SQLITE,
    ("journal/kept/store.py", "int(self._db.execute('SELECT first FROM reach').get)"): OF_SQLITE,
    ("journal/reader.py", "int(row[0])"): OF_SQLITE,
    ("journal/segments/sealed.py", "int(db.execute('SELECT coalesce(max(seq), 0) FROM journal').get)"): OF_SQLITE,
    ("journal/segments/sealed.py", "int(db.execute('SELECT coalesce(min(seq), 0) FROM snapshot').get)"): OF_SQLITE,
    ("journal/segments/sealed.py", "int(db.execute('SELECT min(seq) FROM journal').get)"): OF_SQLITE,
    ("journal/segments/sealed.py", "int(oldest)"): OF_SQLITE,
    ("journal/status.py", "int(db.pragma('freelist_count'))"): OF_SQLITE,
    ("journal/status.py", "int(db.pragma('page_size'))"): OF_SQLITE,
    ("sandbox/demo.py", "int(abs(move) * 20 * PPM)"): OF_NUMPY,
    ("sandbox/demo.py", "int(at_s)"): OF_NUMPY,
    ("sandbox/demo.py", "Decimal(part * (PICO // MICROS))"): OF_OURS,
    ("sandbox/demo.py", "int(draw.integers(*SIZES[strategy]))"): OF_NUMPY,
    ("sandbox/demo.py", "int(draw.integers(*SOLD_PERCENT))"): OF_NUMPY,
    ("sandbox/showcase/traders.py", "Decimal(units // 2)"): OF_OURS,
    ("sandbox/localnet/tokens.py", "int(authority is not None)"): "a boolean",
    ("sandbox/maker/market.py", "int(self.blockhashes.life_s(block))"): OF_OURS,
    ("sandbox/maker/cluster.py", f"{SHAPED}('getBlockHeight', [CONFIRMED], Priority.STATUS), int)"): OF_JSON,
    (
        "sandbox/maker/cluster.py",
        f"{SHAPED}('getMinimumBalanceForRentExemption', [size], Priority.MARK), int)",
    ): OF_JSON,
    ("signals/decode.py", "Decimal(TOKEN_UNITS_MAX)"): OF_OURS,
    ("solana/backoff.py", "float(full_s * (0.5 + jitter(f'{seed}:{attempt}') / 2))"): OF_OURS,
    ("solana/pyth.py", "int(10 ** (-digits))"): OF_OURS,
    ("solana/pyth.py", "int(price * 10 ** digits)"): OF_OURS,
    ("sweep/plan.py", "Decimal(place)"): OF_OURS,
    ("sweep/plan.py", "float(read)"): "a decimal that the shared parser has read",
    ("sweep/playing.py", "float(overall.equity_end_usd)"): OF_OURS,
    ("sweep/playing.py", "float(overall.gain_usd)"): OF_OURS,
    ("sweep/tasks.py", "Decimal(int(draw.integers(SHARES + 1)))"): OF_OURS,
    ("sweep/tasks.py", "int(draw.integers(SHARES + 1))"): OF_NUMPY,
    ("sweep/tasks.py", "int(draw.integers(len(listed)))"): OF_NUMPY,
    ("venues/paper.py", "int(10 ** self._quote.decimals)"): OF_OURS,
}
# Values of classes that msgspec could decode. Whoever makes one has read its decimals with the shared parser.
TERMS = ("equity", "deposits", "realized", "unrealized", "float_revaluation", "suspense")
DECIMAL_FIELDS = {
    ("config/kinds.py", "high"),
    ("config/kinds.py", "low"),
    ("core/books/state.py", "senders"),
    ("core/model/signal.py", "amount"),
    ("core/model/signal.py", "before"),
    ("core/model/signal.py", "quantity"),
    ("sdk/selection.py", "required_balance"),
    ("sdk/selection.py", "risk_tolerance"),
    ("solana/jupiter_api.py", "liquidity"),
    ("solana/jupiter_api.py", "usd_price"),
    ("sweep/plan.py", "high"),
    ("sweep/plan.py", "low"),
    *(("views/bridge.py", f"{term}_usd") for term in TERMS),
}


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(_modules())


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(ROOT.rglob("*.py")):
        name = file.relative_to(ROOT).as_posix()
        if name != PARSER:
            yield name, ast.parse(file.read_text())


def is_converter(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name in CONVERTERS


def is_written_out(node: ast.expr) -> bool:
    """A constant, or arithmetic of constants."""
    return all(
        isinstance(part, ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop) for part in ast.walk(node)
    )


def conversions(tree: ast.Module) -> Iterator[str]:
    """The calls of a converter, and the calls that are given one, such as `map(int, …)` and `float_hook=Decimal`."""
    patterns = {id(part) for node in ast.walk(tree) if isinstance(node, ast.MatchClass) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in patterns:
            continue
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if is_converter(node.func):
            if not all(map(is_written_out, given)):
                yield ast.unparse(node)
        elif not (isinstance(node.func, ast.Name) and node.func.id in TYPE_TESTS) and any(map(is_converter, given)):
            yield ast.unparse(node)


def test_numbers_from_outside_are_read_in_one_place() -> None:
    found = {(name, call) for name, tree in modules() for call in conversions(tree)}
    assert found - ALLOWED.keys() == set(), "read it with overmind.core.model.numbers, or say why it is no text"
    assert ALLOWED.keys() - found == set(), "these exist no more: take them off the list"


def test_no_decoder_makes_a_decimal_by_itself() -> None:
    """A field of type Decimal would be decoded by msgspec, which reads any exponent."""
    found = {
        (name, ast.unparse(field.target))
        for name, tree in modules()
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for field in owner.body
        if isinstance(field, ast.AnnAssign) and "Decimal" in ast.unparse(field.annotation)
    }
    assert found == DECIMAL_FIELDS


def test_the_rule_sees_every_way_to_convert_a_text() -> None:
    code = "int(text); decimal.Decimal(text); map(int, parts); Decoder(float_hook=Decimal); isinstance(x, int); int(5)"
    assert list(conversions(ast.parse(code))) == [
        "int(text)",
        "decimal.Decimal(text)",
        "map(int, parts)",
        "Decoder(float_hook=Decimal)",
    ]
