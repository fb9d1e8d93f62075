"""The description of the API is valid, complete, and says what the code does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from openapi_schema_validator import OAS31Validator
from tests.support.contract import answer_faults, description, faults, operation_of
from tests.support.hooked import BOT, CHART
from tools.bare_routes import bare_routes

from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.value import Value
from overmind.http.commands.bodies import ReasonBody
from overmind.http.endpoints import ENDPOINTS
from overmind.http.hooks.reading import Market, read_hook
from overmind.http.reference.meanings import field_meanings, meaning_of
from overmind.http.reference.openapi import described, is_described
from overmind.http.reference.page import coded, linked, page
from overmind.http.reference.parameters import routed
from overmind.http.reference.schemas import Shapes
from overmind.http.reference.signal_shape import SignalBody
from overmind.http.reference.told import told
from overmind.http.reference.topics import TOPICS
from overmind.signals.decode import FIELDS, read_signal, token_index
from overmind.views.reports import WalletMetrics

ROWS = [row for topic in TOPICS for row in topic.operations]
USDC = Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6)
SOL = Token("SOL", Mint("So11111111111111111111111111111111111111112"), 9)
HOOKS = {"/v1/hooks/tradingview/{source}/{secret}": CHART, "/v1/hooks/freqtrade/{source}/{secret}": BOT}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def within(part: object) -> Iterator[dict[str, Any]]:
    """Every object of the document."""
    if isinstance(part, dict):
        yield part
        for inner in part.values():
            yield from within(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from within(inner)


def test_every_route_for_programs_is_described() -> None:
    table = {(one.method, one.path) for one in ENDPOINTS if is_described(one)}
    assert {(method, path) for method, path, _ in operations()} == table
    assert len(ROWS) == len(table)


@pytest.mark.soak
def test_every_schema_is_valid() -> None:
    for schema in description()["components"]["schemas"].values():
        OAS31Validator.check_schema(schema)


def test_every_reference_leads_somewhere() -> None:
    schemas = description()["components"]["schemas"]
    used = {one["$ref"] for one in within(description()) if "$ref" in one}
    assert used <= {f"#/components/schemas/{name}" for name in schemas}
    assert used


def test_every_operation_is_whole() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    topics = {topic.title for topic in TOPICS}
    for method, path, operation in operations():
        inside = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert inside == set(re.findall(r"{(\w+)}", path)), path
        assert all(one["description"] for one in operation.get("parameters", ())), path
        assert set(operation["tags"]) <= topics
        assert operation["summary"], path
        assert all(answer["description"] for answer in operation["responses"].values()), path
        assert ("requestBody" in operation) == (method == "POST"), path
        statuses = {int(status) for status in operation["responses"]}
        assert statuses & {200, 202}, path
        assert operation.get("security") == [] or statuses >= {401, 403, 421, 503}, path


@pytest.mark.parametrize("row", [one for one in ROWS if one.body is not None], ids=lambda row: row.operation_id)
def test_every_body_has_an_example_that_fits_it(row: Any) -> None:
    example = json.loads(row.example)
    operation = operation_of(row.method, row.path)
    assert operation is not None
    content = operation["requestBody"]["content"]["application/json"]
    assert list(faults(content["schema"], example)) == []
    if row.path == "/v1/signals":
        assert read_signal(row.example, token_index([SOL]), USDC).notes == ()
    elif row.path in HOOKS:
        raw = row.example.encode()
        assert read_hook(HOOKS[row.path], raw, "", Market(token_index([SOL]), USDC)).signal.mint == SOL.mint
    else:
        assert isinstance(row.body, type)
        assert issubclass(row.body, Value)
        assert msgspec.json.decode(row.example, type=row.body).reason


def test_every_example_of_an_answer_fits_its_shape() -> None:
    answered = 0
    for method, path, operation in operations():
        for status, answer in operation["responses"].items():
            example = answer["content"].get("application/json", {}).get("example")
            if example is not None:
                answered += 1
                assert answer_faults(method, path, int(status), "application/json", json.dumps(example)) == []
    without = {"/v1/stream", "/metrics", "/openapi.json", "/v1/moves"}
    assert answered == len([one for one in ROWS if one.path not in without])


def test_the_signal_that_is_described_is_the_one_that_is_read() -> None:
    schema = Shapes()
    schema.of(SignalBody)
    assert set(SignalBody.__struct_fields__) == FIELDS
    assert schema.schemas["SignalBody"]["required"] == ["signal_id", "strategy_type", "action"]


SPOILT = [
    ("GET", "/v1/stats", 200, lambda told: told.pop("signals"), "$.signals: missing"),
    ("GET", "/v1/stats", 200, lambda told: told.update(signals="1"), "$.signals: '1' is no integer"),
    ("GET", "/v1/stats", 200, lambda told: told.update(signals=True), "$.signals: True is no integer"),
    ("GET", "/v1/stats", 200, lambda told: told.update(more=1), "$.more: not described"),
    ("GET", "/v1/portfolio", 200, lambda told: told.update(cash_usd=1.5), "$.cash_usd: 1.5 is no string"),
    ("GET", "/v1/portfolio", 200, lambda told: told.update(cash_usd="1e5"), "does not match"),
    ("GET", "/v1/portfolio", 200, lambda told: told["bridge"].pop("equity_usd"), "$.bridge.equity_usd: missing"),
    ("GET", "/v1/events", 200, lambda told: told["events"][0]["event"].update(type="Never"), "is not 'DeskFounded'"),
]


@pytest.mark.parametrize(("method", "path", "status", "spoil", "fault"), SPOILT)
def test_an_answer_that_breaks_its_shape_is_seen(method: str, path: str, status: int, spoil: Any, fault: str) -> None:
    operation = operation_of(method, path)
    assert operation is not None
    answer = json.loads(json.dumps(operation["responses"][str(status)]["content"]["application/json"]["example"]))
    assert answer_faults(method, path, status, "application/json", json.dumps(answer)) == []
    spoil(answer)
    (found, *_) = answer_faults(method, path, status, "application/json", json.dumps(answer))
    assert fault in found


def test_an_answer_that_is_not_declared_is_seen() -> None:
    assert answer_faults("GET", "/v1/stats", 418, "application/json", "{}") == ["the status 418 is not declared"]
    assert answer_faults("GET", "/v1/stats?x=1", 200, "text/html", "") == ["text/html is not declared for 200"]
    assert answer_faults("GET", "/v1/nothing", 418, "text/html", "") == []


class Shown(Value, frozen=True):
    """What is
    shown."""

    beside: int  # the comment beside it
    # The comment
    # above it. None: there is none.
    above: int
    alone: str = "# not a comment"


def test_meanings_are_the_comments_beside_the_fields() -> None:
    assert meaning_of(Shown) == "What is shown."
    assert field_meanings(Shown) == {
        "beside": "the comment beside it",
        "above": "The comment above it. null: there is none.",
    }
    assert field_meanings(WalletMetrics)["performance_score"] == "0-5"
    assert meaning_of(ReasonBody) == ""


class Twin:
    class Shown(Value, frozen=True):
        other: int


def test_two_types_of_one_name_are_refused() -> None:
    shapes = Shapes()
    shapes.of(Shown)
    with pytest.raises(AssertionError, match="two types are called Shown"):
        shapes.of(Twin.Shown)
    with pytest.raises(TypeError, match="no schema"):
        shapes.of(complex)


def test_the_page_tells_every_route_and_runs_nothing() -> None:
    text = page(told(described(routed(bare_routes()))), lambda name: f"/static/{name}")
    assert [one.path for one in ROWS if f"<code>{one.path}</code>" not in text] == []
    assert "<script" not in text
    assert " style=" not in text
    assert coded("a `<b>` <i>") == "a <code>&lt;b&gt;</code> &lt;i&gt;"
    assert linked("list of <b>Shown", {"Shown"}) == 'list of &lt;b&gt;<a href="#Shown">Shown</a>'
