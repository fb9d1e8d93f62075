"""The point of monitoring: whoever watches the desk gets what they ask the running service for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from overmind.cli.preflight.notices import with_notice
from overmind.cli.preflight.point import Point, Read, failed, passed, unknown
from overmind.cli.remote import READY_S, caller_token, pinned, readiness
from overmind.clock.clocks import uptime_ns
from overmind.config import ConfigError
from overmind.http.files import RunningService, find_service
from overmind.http.metrics.table import EQUITY, FAMILIES

MONITORING: Final = "monitoring"
SCRAPE_MAX_MS: Final = 2_000.0  # Prometheus would wait for ten seconds; a sound desk of 50 wallets takes some fifty.
LOOK: Final = "see logs/overmind.log, and restart it"
FAULTS: Final = (aiohttp.ClientError, TimeoutError, ConfigError)


class Scrape(NamedTuple):
    """What `/metrics` answered."""

    text: str
    took_ms: float


def monitoring(config: Read) -> Point:
    """They need `/readyz`, the event stream and the metrics, and notices where they are configured."""
    if config is None:
        return unknown(MONITORING)
    service, served = find_service(config.data_dir), readiness(config.data_dir)
    if service is None or served is None:
        fix = "start overmind run in another terminal, then run this again"
        return failed(MONITORING, "no service runs, so /readyz, the event stream and /metrics answer nobody", fix)
    if served.ready is None:
        return failed(MONITORING, f"{served.url}/readyz does not answer", LOOK)
    if not served.ready:
        return failed(MONITORING, f"/readyz: {'; '.join(served.reasons)}", "each reason names its fix")
    try:
        took_ms = asyncio.run(_stream_ms(config.data_dir, service))
    except FAULTS as fault:
        return failed(MONITORING, f"the event stream: {fault or 'no answer'}", LOOK)
    try:
        scrape = asyncio.run(_scrape(config.data_dir, service))
    except FAULTS as fault:
        return failed(MONITORING, f"/metrics: {fault or 'no answer'}", LOOK)
    point = scraped(scrape, f"/readyz is ready, the event stream answered in {took_ms:.0f} ms", served.url)
    return with_notice(config, point) if point.ok else point


def scraped(scrape: Scrape, before: str, url: str) -> Point:
    """What the scrape says. `before`: what was found before it."""
    if (fault := _fault(scrape)) is not None:
        return failed(MONITORING, *fault)
    series = sum(not line.startswith("#") for line in scrape.text.splitlines())
    return passed(MONITORING, f"{before}, and /metrics told {series} series in {scrape.took_ms:.0f} ms, at {url}")


def _fault(scrape: Scrape) -> tuple[str, str] | None:
    """What is wrong with it, and its fix."""
    words = [line.split(" ") for line in scrape.text.splitlines()]
    known = {line[2] for line in words if line[:2] == ["#", "TYPE"] and len(line) > 2}
    if missing := [family.full_name for family in FAMILIES if family.full_name not in known]:
        told = f"/metrics lacks {len(missing)} metrics, the first: {missing[0]}"
        return told, "the service is of another version than this command: restart it"
    if not any(line[0] == EQUITY.full_name for line in words):
        return "/metrics does not tell the books: the journal does not become durable", "look at the journal's disk"
    if scrape.took_ms > SCRAPE_MAX_MS:
        return f"/metrics took {scrape.took_ms:,.0f} ms", "give the desk a faster machine, or end what else runs here"
    return None


async def _stream_ms(data_dir: Path, service: RunningService) -> float:
    """Until the first bytes of the stream."""
    began_ns = uptime_ns()
    async with (
        asyncio.timeout(READY_S),
        _session(data_dir) as session,
        session.get(f"{service.url}/v1/stream", ssl=pinned(service) or True, raise_for_status=True) as response,
    ):
        await response.content.readline()
    return (uptime_ns() - began_ns) / 1e6


async def _scrape(data_dir: Path, service: RunningService) -> Scrape:
    """As Prometheus does it."""
    began_ns = uptime_ns()
    async with (
        asyncio.timeout(READY_S),
        _session(data_dir) as session,
        session.get(f"{service.url}/metrics", ssl=pinned(service) or True, raise_for_status=True) as response,
    ):
        text = await response.text()
    return Scrape(text, (uptime_ns() - began_ns) / 1e6)


def _session(data_dir: Path) -> aiohttp.ClientSession:
    """Raises ConfigError."""
    return aiohttp.ClientSession(headers={"authorization": f"Bearer {caller_token(data_dir).reveal()}"})
