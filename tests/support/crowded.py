"""A service that has too much to do: it answers every question with 503."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar


class Crowded(BaseHTTPRequestHandler):
    """Answers as a service that has too much to do."""

    body: ClassVar[bytes] = b'{"error": "too many requests are open", "fix": "try again"}'

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("retry-after", "1")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def crowded() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Crowded)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
