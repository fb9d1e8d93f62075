"""Requests of every kind to every route of a live service: each answer is one that the description declares.

`make contract` runs it. The requests are made from `/openapi.json`, right ones and wrong ones, for all parameters and
bodies. A find becomes a case of the quick tier.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

import pytest
import requests
import schemathesis
import urllib3
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from tests.support.contract import answer_faults, description
from tests.support.service import BUY, Service, serving

from overmind.http.bounds import NDJSON

EXAMPLES: Final = 20  # drawn for each route, besides those that cover each bound of each parameter
EVENTS: Final = "text/event-stream"  # never ends
KNOWN: Final = {
    "wallet_id": "primary_wallet",
    "token": "SOL",
    "signal_id": "one",
    "order_id": "one.0.0",
    "strategy": "Arbitrage",
    "name": "ann",
}
CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    missing_required_header,
    unsupported_method,
    ignored_auth,
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("desk")) as service:
        user = {"reason": "x", "name": "ann", "role": "read", "password": "four words of your own"}
        assert service.post("/v1/users", user).status == 200
        assert service.post("/v1/signals", BUY).status == 202
        yield service


class BeginningsOnly(requests.adapters.HTTPAdapter):
    """Of an answer that never ends, what comes first. Then its reader leaves."""

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        answer = super().send(request, *args, **{**options, "stream": True})
        if not answer.headers.get("content-type", "").startswith(EVENTS):
            return answer
        first = next(answer.iter_content(None))
        answer.close()
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "transfer-encoding"}
        ended = urllib3.HTTPResponse(BytesIO(first), headers, answer.status_code, preload_content=False)
        return self.build_response(request, ended)


@pytest.fixture(scope="module")
def session(service: Service) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount(service.url, BeginningsOnly())
        yield session


@schemathesis.serializer(NDJSON)
def written_as_a_line(context: Any, value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


@schemathesis.deserializer(NDJSON)
def read_from_a_line(context: Any, response: Any) -> Any:
    """The first one. `answer_faults` looks at all of them."""
    return json.loads(response.content.splitlines()[0])


@schemathesis.deserializer(EVENTS)
def read_from_events(context: Any, response: Any) -> Any:
    return response.content.decode()


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every second request is for something that is there."""
    if not path_parameters:
        return path_parameters
    known = {name: KNOWN[name] for name, value in path_parameters.items() if name in KNOWN and len(str(value)) % 2}
    return {**path_parameters, **known}


ROUTES = schemathesis.openapi.from_dict(description())


@ROUTES.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_declared(case: Any, service: Service, session: requests.Session) -> None:
    headers = {"authorization": f"Bearer {service.token}"}
    response = case.call(service.url, session, headers=headers, timeout=30)
    case.validate_response(response, headers=headers, checks=CHECKS)
    faults = answer_faults(
        case.method, response.request.path_url, response.status_code, response.headers["content-type"][0], response.text
    )
    assert faults == [], (case.as_curl_command(), faults[:5])


def test_a_stream_begins_at_once(service: Service, session: requests.Session) -> None:
    """So the beginning that the test above compares is one, and nothing is hidden by a reader who leaves."""
    answer = session.get(f"{service.url}/v1/stream", headers={"authorization": f"Bearer {service.token}"}, timeout=30)
    assert answer.headers["content-type"].startswith(EVENTS)
    assert answer.text.startswith("retry: ")
