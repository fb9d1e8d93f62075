"""Files of the page that never change while the service runs: browsers keep them for ever, by their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.model.value import Value
from overmind.http.responses import HttpRefusal

STATIC: Final = Path(__file__).parent / "static"
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HASH_BYTES: Final = 8
FOR_EVER: Final = "public, max-age=31536000, immutable"


class Asset(Value, frozen=True):
    body: bytes
    media_type: str
    version: str  # of its content


def asset_of(body: bytes, media_type: str) -> Asset:
    return Asset(body, media_type, hashlib.blake2b(body, digest_size=HASH_BYTES).hexdigest())


def own_assets() -> dict[str, Asset]:
    """By name."""
    files = (path for path in sorted(STATIC.iterdir()) if path.suffix in MEDIA_TYPES)
    return {path.name: asset_of(path.read_bytes(), MEDIA_TYPES[path.suffix]) for path in files}


class Assets:
    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self._assets = assets

    def url(self, name: str) -> str:
        """The address under which a browser may keep it for ever."""
        return f"/static/{name}?v={self._assets[name].version}"

    def has(self, name: str) -> bool:
        return name in self._assets

    def routes(self) -> APIRouter:
        router = APIRouter()

        @router.get("/static/{name}")
        async def static(name: str, request: Request, v: str = "") -> Response:
            asset = self._assets.get(name)
            if asset is None:
                raise HttpRefusal(404, f"no file {name[:64]!r}", "reload the page")
            tag = f'"{asset.version}"'
            headers = {"etag": tag, "cache-control": FOR_EVER if v == asset.version else "no-cache"}
            if request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers=headers)
            return Response(asset.body, media_type=asset.media_type, headers=headers)

        return router
