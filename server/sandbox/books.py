"""What the sandbox knows of charges, what it was asked for, and what it has still to tell.

What a charge comes to follows from its token:

    tok_approved          approved
    tok_declined          refused: card_declined
    tok_timeout           never heard of, and never answered
    tok_reply_lost        approved, and the answer is lost
    tok_duplicate_notice  approved, and each notice comes three times
    tok_late_notice       not known for some seconds, and then approved
    tok_later_replies_lost  approved, and all later answers about the charge are lost
    tok_expires           approved; to capture it is refused: authorization_expired
"""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

DONE, REFUSED, PROCESSING = "DONE", "REFUSED", "PROCESSING"
SILENT = "tok_timeout"

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS charges (
        key TEXT PRIMARY KEY, token TEXT NOT NULL, amount TEXT NOT NULL, currency TEXT NOT NULL,
        captures INTEGER NOT NULL, held INTEGER NOT NULL, captured TEXT NOT NULL,
        refunded TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS operations (
        key TEXT PRIMARY KEY, charge TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL, ready_at REAL NOT NULL
    );
    CREATE TABLE IF NOT EXISTS notices (
        id TEXT PRIMARY KEY, body BLOB NOT NULL, copies INTEGER NOT NULL, due_at REAL NOT NULL,
        attempts INTEGER NOT NULL
    );
"""
_APPROVED = frozenset(
    {
        "tok_approved",
        "tok_reply_lost",
        "tok_duplicate_notice",
        "tok_late_notice",
        "tok_later_replies_lost",
        "tok_expires",
    }
)
_COPIES = 3  # of each notice about a charge with tok_duplicate_notice


class Told(NamedTuple):
    """What was asked for, as it is answered."""

    state: str
    reason: str
    is_lost: bool = False  # nobody hears it

    @property
    def body(self) -> dict[str, str]:
        """The answer."""
        return {"state": self.state, "reason": self.reason}


class Books:
    """The sandbox's memory, in a file of SQLite's."""

    def __init__(self, file: Path, *, late_seconds: float = 2.0) -> None:
        self._late_seconds = late_seconds
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.executescript(_SCHEMA)

    def charge(self, key: str, asked: dict[str, Any]) -> Told:
        """Charges, or says again what has become of it."""
        token = str(asked["token"])
        with self._transaction():
            if known := self._known(key):
                return known
            state, reason = PROCESSING, ""
            if token != "tok_late_notice":
                is_good = token in _APPROVED
                refusal = "card_declined" if token == "tok_declined" else "unknown_token"
                state, reason = (DONE, "") if is_good else (REFUSED, refusal)
            captures, amount = bool(asked["capture"]), str(Decimal(asked["amount"]))
            self._database.execute(
                "INSERT INTO charges VALUES (?, ?, ?, ?, ?, 0, '0', '0')",
                (key, token, amount, str(asked["currency"]), captures),
            )
            self._enter(key, key, "CHARGE", state, reason)
            if state == DONE:
                self._approve(key)
        return Told(state, reason, is_lost=token == "tok_reply_lost")

    def change(self, key: str, charge: str, kind: str, asked: dict[str, Any]) -> Told:
        """Captures, voids or refunds, or says again what has become of it."""
        with self._transaction():
            if known := self._known(key):
                return known
            self._ripen()
            row = self._charge(charge)
            reason = self._changed(row, kind, asked) if row else "no_such_charge"
            state = REFUSED if reason else DONE
            self._enter(key, charge, kind, state, reason)
        return Told(state, reason, bool(row) and row["token"] == "tok_later_replies_lost")

    def find(self, key: str) -> Told | None:
        """What has become of something."""
        with self._transaction():
            self._ripen()
            return self._known(key)

    def abandon(self, key: str) -> Told:
        """Sees to it that a charge is never made, unless it was already."""
        with self._transaction():
            self._ripen()
            if known := self._known(key):
                return known
            self._enter(key, key, "CHARGE", REFUSED, "not_received")
        return Told(REFUSED, "not_received")

    def charges(self, after: str, count: int) -> list[dict[str, str]]:
        """Charges by key: what of each is held, captured and refunded."""
        with self._transaction():
            self._ripen()
            found = self._database.execute(
                "SELECT * FROM charges WHERE key > ? ORDER BY key LIMIT ?", (after, count)
            ).fetchall()
        return [_shown(row) for row in found]

    def charge_of(self, key: str) -> dict[str, str] | None:
        """What of a charge is held, captured and refunded."""
        with self._transaction():
            self._ripen()
            row = self._charge(key)
        return _shown(row) if row else None

    def next_notice(self) -> tuple[str, bytes] | None:
        """One that is due, and its id."""
        with self._transaction():
            self._ripen()
            row = self._database.execute(
                "SELECT id, body FROM notices WHERE due_at <= ? ORDER BY due_at LIMIT 1",
                (time.time(),),
            ).fetchone()
        return (row["id"], row["body"]) if row else None

    def noticed(self, notice_id: str) -> None:
        """The notice was taken: it is sent once less."""
        with self._transaction():
            self._database.execute(
                "UPDATE notices SET copies = copies - 1 WHERE id = ?", (notice_id,)
            )
            self._database.execute("DELETE FROM notices WHERE copies <= 0")

    def not_noticed(self, notice_id: str) -> None:
        """The notice was not taken, and is sent again later."""
        with self._transaction():
            self._database.execute(
                "UPDATE notices SET attempts = attempts + 1,"
                " due_at = ? + min(30, 0.25 * (1 << min(attempts, 7))) WHERE id = ?",
                (time.time(), notice_id),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _known(self, key: str) -> Told | None:
        row = self._database.execute(
            "SELECT state, reason FROM operations WHERE key = ?", (key,)
        ).fetchone()
        return Told(row["state"], row["reason"]) if row else None

    def _charge(self, key: str) -> Any:
        return self._database.execute("SELECT * FROM charges WHERE key = ?", (key,)).fetchone()

    def _enter(self, key: str, charge: str, kind: str, state: str, reason: str) -> None:
        ready_at = time.time() + self._late_seconds
        self._database.execute(
            "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?)",
            (key, charge, kind, state, reason, ready_at),
        )
        if state != PROCESSING:
            self._tell(key, charge, state)

    def _tell(self, key: str, charge: str, state: str) -> None:
        notice_id, row = uuid.uuid4().hex, self._charge(charge)
        copies = _COPIES if row and row["token"] == "tok_duplicate_notice" else 1
        body = {"id": notice_id, "key": key, "charge": charge, "state": state}
        self._database.execute(
            "INSERT INTO notices VALUES (?, ?, ?, ?, 0)",
            (notice_id, json.dumps(body).encode(), copies, time.time()),
        )

    def _ripen(self) -> None:
        """Approves what was to be approved later."""
        found = self._database.execute(
            "SELECT key FROM operations WHERE state = ? AND ready_at <= ?",
            (PROCESSING, time.time()),
        ).fetchall()
        for row in found:
            self._database.execute(
                "UPDATE operations SET state = ? WHERE key = ?", (DONE, row["key"])
            )
            self._approve(row["key"])
            self._tell(row["key"], row["key"], DONE)

    def _approve(self, key: str) -> None:
        self._database.execute(
            "UPDATE charges SET held = NOT captures,"
            " captured = CASE WHEN captures THEN amount ELSE '0' END WHERE key = ?",
            (key,),
        )

    def _changed(self, row: Any, kind: str, asked: dict[str, Any]) -> str:
        """Does it, or gives why not."""
        amount = Decimal(str(asked.get("amount", row["amount"])))
        captured, refunded = Decimal(row["captured"]), Decimal(row["refunded"])
        if kind == "REFUND":
            if not 0 < amount <= captured - refunded:
                return "amount_too_large"
            refunded += amount
        elif not row["held"]:
            return "not_authorized"
        elif kind == "CAPTURE" and row["token"] == "tok_expires":
            return "authorization_expired"
        elif kind == "CAPTURE":
            if not 0 < amount <= Decimal(row["amount"]):
                return "amount_too_large"
            captured = amount
        self._database.execute(
            "UPDATE charges SET held = 0, captured = ?, refunded = ? WHERE key = ?",
            (str(captured), str(refunded), row["key"]),
        )
        return ""


def _shown(row: Any) -> dict[str, str]:
    return {
        "key": row["key"],
        "currency": row["currency"],
        "held": row["amount"] if row["held"] else "0",
        "captured": row["captured"],
        "refunded": row["refunded"],
    }
