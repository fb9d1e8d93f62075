"""Telegram's Bot API over HTTP. The token is a part of each address, so no error and no log line has an address."""

from __future__ import annotations

from typing import Final

import aiohttp
import msgspec

from overmind.config.notices import TelegramSettings
from overmind.notices.telegram.wire import Reply, Update, reply_in, updates_in, username_in

POLL_S: Final = 25  # how long the server waits for an update
PATIENCE_S: Final = 10.0  # beyond that
BYTES_MAX: Final = 8 * 1024 * 1024  # 100 updates of 4,096 characters are smaller, however they are escaped
READ_BYTES: Final = 64 * 1024
REFUSED: Final = {
    401: "it refuses the token: see OVERMIND_TELEGRAM_TOKEN",
    404: "it refuses the token: see OVERMIND_TELEGRAM_TOKEN",
    409: "another program polls for this bot, or a webhook is set: use a bot of its own for this desk",
}


class TelegramSilent(Exception):
    """No usable answer. The text has no address in it."""

    def __init__(self, why: str, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class BotApi:
    def __init__(self, session: aiohttp.ClientSession, settings: TelegramSettings) -> None:
        self._session = session
        self._settings = settings

    async def username(self) -> str:
        """Of the bot; blank: not told. Raises TelegramSilent."""
        return username_in(await self._call("getMe", {}, PATIENCE_S))

    async def updates(self, offset: int) -> list[Update]:
        """Waits for updates from this number on. Raises TelegramSilent."""
        asked = {"offset": offset, "timeout": POLL_S, "allowed_updates": ["message"]}
        found = updates_in(await self._call("getUpdates", asked, POLL_S + PATIENCE_S))
        if found is None:
            raise TelegramSilent("its answer is no list of updates")
        return found

    async def send(self, chat_id: int, text: str) -> None:
        """As plain text: no parse_mode, so that nothing in it is markup. Raises TelegramSilent."""
        body = {"chat_id": chat_id, "text": text, "link_preview_options": {"is_disabled": True}}
        await self._call("sendMessage", body, PATIENCE_S)

    async def _call(self, method: str, body: object, within_s: float) -> Reply:
        url = f"{self._settings.url.reveal()}/bot{self._settings.token.reveal()}/{method}"
        try:
            async with self._session.post(
                url,
                data=msgspec.json.encode(body),
                headers={"content-type": "application/json"},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=within_s),
            ) as response:
                status, octets = response.status, await _read(response)
        except (aiohttp.ClientError, OSError, ValueError) as fault:  # TimeoutError is an OSError.
            raise TelegramSilent(type(fault).__name__) from None
        reply = reply_in(octets)
        if status in REFUSED:
            raise TelegramSilent(REFUSED[status])
        if reply is None or not reply.ok or status != 200:
            raise TelegramSilent(f"it answers {status}", 0.0 if reply is None else reply.retry_after_s)
        return reply


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for some in response.content.iter_chunked(READ_BYTES):
        body += some
        if len(body) > BYTES_MAX:
            raise ValueError("an answer without end")
    return bytes(body)
