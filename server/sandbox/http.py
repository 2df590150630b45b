"""The sandbox's calls, by HTTP: `PUT` does something under a key of the caller's, `GET` reads.

    PUT /v1/charges/KEY                     {"token", "amount", "currency", "capture"}
    PUT /v1/charges/CHARGE/captures/KEY     {"amount"}
    PUT /v1/charges/CHARGE/voids/KEY        {}
    PUT /v1/charges/CHARGE/refunds/KEY      {"amount"}
    PUT /v1/abandoned/KEY                   {}
    GET /v1/operations/KEY
    GET /v1/charges?after=KEY               1,000 at most, by key
    GET /v1/charges/KEY

Each answers `{"state", "reason"}`, but for the list, and for what is in it.
"""

import json
import re
import socket
import time
from decimal import InvalidOperation
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from server.sandbox.books import SILENT, Books, Told
from server.sandbox.notices import Notices

_SILENCE_SECONDS = 60.0
_BYTES_MAX = 65_536
_LISTED_MAX = 1_000

_KEY = r"([0-9a-f-]{36})"
_CHARGE = re.compile(rf"/v1/charges/{_KEY}")
_CHANGE = re.compile(rf"/v1/charges/{_KEY}/(captures|voids|refunds)/{_KEY}")
_ABANDON = re.compile(rf"/v1/abandoned/{_KEY}")
_FIND = re.compile(rf"/v1/operations/{_KEY}")
_LIST = re.compile(rf"/v1/charges(?:\?after={_KEY})?")
_KINDS = {"captures": "CAPTURE", "voids": "VOID", "refunds": "REFUND"}


class Sandbox(ThreadingHTTPServer):
    """Takes calls at an address, on a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], books: Books, notices: Notices) -> None:
        self.books = books
        self.notices = notices
        super().__init__(address, _Calls)


class _Calls(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sandbox

    def do_GET(self) -> None:
        if found := _FIND.fullmatch(self.path):
            told = self.server.books.find(found[1])
            self._answer(told.body if told else None)
        elif found := _CHARGE.fullmatch(self.path):
            self._answer(self.server.books.charge_of(found[1]))
        elif found := _LIST.fullmatch(self.path):
            self._answer({"charges": self.server.books.charges(found[1] or "", _LISTED_MAX)})
        else:
            self._answer(None)

    def do_PUT(self) -> None:
        try:
            asked = json.loads(self._body())
            told = self._told(asked)
        except (ValueError, KeyError, TypeError, InvalidOperation):
            self._answer({"reason": "malformed"}, HTTPStatus.BAD_REQUEST)
            return
        self.server.notices.wake()
        if told is None:
            self._answer(None)
        elif told.is_lost:
            self._hang_up()
        else:
            self._answer(told.body)

    def _told(self, asked: Any) -> Told | None:
        books = self.server.books
        if found := _CHARGE.fullmatch(self.path):
            if asked["token"] == SILENT:
                time.sleep(_SILENCE_SECONDS)
                return Told("", "", is_lost=True)
            return books.charge(found[1], asked)
        if found := _CHANGE.fullmatch(self.path):
            return books.change(found[3], found[1], _KINDS[found[2]], asked)
        if found := _ABANDON.fullmatch(self.path):
            return books.abandon(found[1])
        return None

    def _body(self) -> bytes:
        return self.rfile.read(min(int(self.headers.get("content-length", 0)), _BYTES_MAX))

    def _answer(self, body: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        if body is None:
            body, status = {"reason": "not_found"}, HTTPStatus.NOT_FOUND
        written = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the base class
        """Says nothing: what it is asked is not for logs."""
