"""The fields of a form that a browser posts."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from overmind.http.responses import HttpRefusal

FORM: Final = "application/x-www-form-urlencoded"
FORM_BYTES_MAX: Final = 16 * 1024
FIELDS_MAX: Final = 128


async def read_form(request: Request) -> dict[str, str]:
    """Each field by its name. Raises HttpRefusal; no message repeats what was sent."""
    if not is_form(request.headers.get("content-type", "")):
        raise HttpRefusal(415, "the body is not a form", f"send it as {FORM}")
    return form_fields(await request.body())


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == FORM


def form_fields(body: bytes) -> dict[str, str]:
    if len(body) > FORM_BYTES_MAX:
        raise HttpRefusal(413, f"a form of more than {FORM_BYTES_MAX} bytes", "send less at once")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise HttpRefusal(400, "the form cannot be read", "send the page's own form") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise HttpRefusal(400, "a field is given more than once", "send the page's own form")
    return fields
