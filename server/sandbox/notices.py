"""Tells the shop what has become of payments: signed, and again until it was taken."""

import hashlib
import hmac
import http.client
import threading
import time
from urllib.parse import urlsplit

from server.sandbox.books import Books

_IDLE_SECONDS = 0.1
_TIMEOUT_SECONDS = 5.0
_OK = 200


class Notices:
    """Sends what is in `books` to `url`, signed with `secret`."""

    def __init__(self, books: Books, url: str, secret: bytes) -> None:
        self._books = books
        self._url = urlsplit(url)
        self._secret = secret
        self._wake = threading.Event()

    def start(self) -> None:
        """Begins to send, on a thread that ends with the process."""
        if self._url.hostname:
            threading.Thread(target=self._run, daemon=True).start()

    def wake(self) -> None:
        """There may be one."""
        self._wake.set()

    def _run(self) -> None:
        while True:
            if found := self._books.next_notice():
                self._send(*found)
            else:
                self._wake.wait(_IDLE_SECONDS)
                self._wake.clear()

    def _send(self, notice_id: str, body: bytes) -> None:
        if self._is_taken(body):
            self._books.noticed(notice_id)
        else:
            self._books.not_noticed(notice_id)

    def _is_taken(self, body: bytes) -> bool:
        at = int(time.time())
        signed = hmac.new(self._secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/json",
            "payment-signature": f"t={at},v1={signed}",
        }
        host = self._url.hostname or ""
        connection = http.client.HTTPConnection(host, self._url.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("POST", self._url.path, body, headers)
            return connection.getresponse().status == _OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
