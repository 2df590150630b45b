"""One-time tokens in PostgreSQL."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import asyncpg

from server.kit.context import Role
from server.kit.outbox import Event, append
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.transaction import UnitOfWork, transaction, write
from server.kit.postgres.writes import Write
from server.user.accounts.rows import COLUMNS, USERS, ended, to_user
from server.user.accounts.rules import Changed, EmailTaken, User, UserEvent
from server.user.email_links.rules import (
    ASKED_WITHIN,
    LIVE_MAX,
    OF_EMAIL,
    OF_PASSWORD,
    Asked,
    Sent,
    giving_way,
)
from server.user.email_links.store.recipients import Recipients
from server.user.mail.rules import MailKind, MailRequest

_EXPIRED_BATCH_MAX = 1_000
_EXPORTED_MAX = 500  # the latest: those that are still good are fewer, the others go within hours

_FIND = f"""
    SELECT {", ".join(f"users.{column}" for column in COLUMNS)},
        token.kind, token.email AS sent_to
    FROM one_time_tokens AS token JOIN users ON users.id = token.user_id
    WHERE token_hash = $1 AND kind = ANY($2) AND used_at IS NULL AND expires_at > $3
      AND (kind = 'VERIFY_EMAIL' OR (kind = 'ACCOUNT_OPENED' AND NOT users.owner_proven)
        OR token.account_version >= users.links_since)
"""

_ASKED = """
    SELECT token.id, asked_at,
        used_at IS NULL AND expires_at > $2 AND account_version >= links_since AS is_open
    FROM one_time_tokens AS token JOIN users ON users.id = token.user_id
    WHERE user_id = $1 AND kind = 'CHANGE_EMAIL' AND asked_at IS NOT NULL
"""

# Its hash, and when it expires, are set when the mail is sent.
_ASK = """
    INSERT INTO one_time_tokens (id, kind, user_id, email, account_version, asked_at, expires_at)
    VALUES ($1, 'CHANGE_EMAIL', $2, $3, $4, $5, 'infinity')
"""

_GIVE_WAY = "UPDATE one_time_tokens SET used_at = $2, expires_at = $2 WHERE id = ANY($1)"

_ISSUE = """
    INSERT INTO one_time_tokens (id, kind, token_hash, user_id, email, expires_at, account_version)
    SELECT $1, $2, $3, users.id, CASE WHEN $2 = 'CHANGE_EMAIL' THEN $4 ELSE users.email END, $6,
        CASE WHEN $2 = 'CHANGE_EMAIL' THEN $9 ELSE users.version END
    FROM users
    WHERE users.id = coalesce($8::uuid, (SELECT id FROM users WHERE lower(email) = lower($4)))
      AND users.status = 'ACTIVE' AND NOT ($2 = 'VERIFY_EMAIL' AND users.email_verified)
      AND NOT ($2 = 'ACCOUNT_OPENED' AND users.owner_proven)
      AND ($2 = 'CHANGE_EMAIL' OR lower(users.email) = lower($4))
      AND ($2 <> 'CHANGE_EMAIL' OR $9 >= users.links_since)
      AND ($2 = 'CHANGE_EMAIL' OR $7 > (
        SELECT count(*) FROM one_time_tokens AS other
        WHERE other.user_id = users.id AND other.kind = $2 AND other.id <> $1
          AND other.used_at IS NULL AND other.expires_at > $5
          AND ($2 = 'ACCOUNT_OPENED' OR other.account_version >= users.links_since)
    ))
    ON CONFLICT (id) DO UPDATE SET
        token_hash = excluded.token_hash, expires_at = excluded.expires_at,
        account_version = excluded.account_version
        WHERE one_time_tokens.used_at IS NULL
    RETURNING email
"""

_ADDRESS = "SELECT email FROM users WHERE id = $1"

_LOCK = f"SELECT {', '.join(COLUMNS)} FROM users WHERE id = $1 FOR UPDATE"

_SET_PASSWORD = "UPDATE users SET password_hash = $2 WHERE id = $1"  # noqa: S105 - a statement

_USE = "UPDATE one_time_tokens SET used_at = $2 WHERE token_hash = $1"

_DELETE_EXPIRED = """
    WITH deleted AS (
        DELETE FROM one_time_tokens WHERE id = ANY (ARRAY(
            SELECT id FROM one_time_tokens
            WHERE expires_at < $1 AND (asked_at IS NULL OR asked_at < $1 - $3::interval)
            LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
    )
    SELECT count(*) FROM deleted
"""


_OF_PERSON = """
    SELECT id, kind, email, nullif(expires_at, 'infinity') AS expires_at, used_at, asked_at
    FROM one_time_tokens AS token WHERE user_id = $1 ORDER BY token.expires_at DESC LIMIT $2
"""

_ERASE = "DELETE FROM one_time_tokens WHERE user_id = $1 RETURNING id"


class Outliving(Protocol):
    """What of an account outlives its password."""

    async def erase(self, unit: UnitOfWork, user: User) -> Mapping[str, int]:
        """Erases all of it, and gives the numbers by kind."""


class PostgresLinkStore:
    """A `LinkStore` on a pool of connections to `emporium_user`.

    `encode` puts an event or a mail into the outbox's envelope. `wake` is called after each commit
    that left one there.
    `totp_required_of` as in `rows.ended`. `recipients` are needed to `ask`.
    """

    def __init__(
        self,
        pool: Pool,
        encode: Callable[[UserEvent | MailRequest], Event],
        wake: Callable[[], None],
        outliving: Sequence[Outliving] = (),
        totp_required_of: Collection[Role] = (),
        recipients: Recipients | None = None,
    ) -> None:
        self._pool = pool
        self._outliving = outliving
        self._totp_required_of = totp_required_of
        self._encode = encode
        self._wake = wake
        self._recipients = recipients

    async def request(self, mail: MailRequest) -> None:
        await write(self._pool, [append([self._encode(mail)])], completes_call=True)
        self._wake()

    async def ask(self, unit: UnitOfWork, mail: MailRequest) -> None:
        now = mail.occurred_at
        asked = [Asked(*row) for row in await unit.fetch(_ASKED, mail.user_id, now)]
        if ended := giving_way(asked, now):
            unit.write(Write(_GIVE_WAY, (ended, now)))
        row = (mail.id, mail.user_id, mail.email, mail.account_version, now)
        unit.write(Write(_ASK, row))
        if self._recipients:
            await self._recipients.ask(unit, mail)

    async def issue(
        self, mail: MailRequest, token_hash: bytes, now: datetime, expires_at: datetime
    ) -> str | None:
        with translated():
            to: str | None = await self._pool.fetchval(
                _ISSUE,
                *(mail.id, mail.kind.value, token_hash, mail.email, now, expires_at, LIVE_MAX),
                mail.user_id or None,
                mail.account_version,
            )
        return to

    async def address(self, user_id: str) -> str | None:
        with translated():
            email: str | None = await self._pool.fetchval(_ADDRESS, user_id)
        return email

    async def find(
        self, kinds: Sequence[MailKind], token_hash: bytes, now: datetime
    ) -> Sent | None:
        with translated():
            rows = await self._pool.fetch(_FIND, token_hash, kinds, now)
        return _sent(rows)

    async def reset_password(
        self,
        token_hash: bytes,
        password_hash: bytes,
        now: datetime,
        check: Callable[[Sent | None], Sent],
        change: Callable[[Sent], Sequence[Changed]],
    ) -> None:

        async def work(unit: UnitOfWork) -> None:
            sent = await _locked(unit, OF_PASSWORD, token_hash, now, check)
            user = sent.user
            for each in () if user.owner_proven else self._outliving:
                await each.erase(unit, user)
            unit.write(Write(_SET_PASSWORD, (user.id, password_hash)))
            unit.write(Write(_USE, (token_hash, now)))
            await unit.flush()  # one statement changes a row once
            changes = change(sent)
            unit.write(USERS.update([changes[-1].user]))
            said = [each for changed in changes for each in (changed.event, *changed.mails)]
            unit.write(append([self._encode(each) for each in said if each]))
            for entry in ended(user, changes[-1].event, self._totp_required_of):
                unit.write(entry)

        await transaction(self._pool, work, completes_call=True)
        self._wake()

    async def verify_email(
        self,
        token_hash: bytes,
        now: datetime,
        check: Callable[[Sent | None], Sent],
        change: Callable[[Sent], Changed],
    ) -> None:

        async def work(unit: UnitOfWork) -> None:
            sent = await _locked(unit, OF_EMAIL, token_hash, now, check)
            after, event, mails = change(sent)
            unit.write(Write(_USE, (token_hash, now)))
            unit.write(USERS.update([after]))
            if told := [self._encode(each) for each in (event, *mails) if each]:
                unit.write(append(told))

        try:
            await transaction(self._pool, work, completes_call=True)
        except asyncpg.UniqueViolationError as error:
            raise EmailTaken("another account has this e-mail", field="token") from error
        self._wake()

    async def export(self, user_id: str) -> Sequence[Mapping[str, object]]:
        """The links that were mailed to a person, without their tokens, which nobody here knows."""
        with translated():
            rows = await self._pool.fetch(_OF_PERSON, user_id, _EXPORTED_MAX)
        return [{**row, "id": str(row["id"])} for row in rows]

    async def erase(self, unit: UnitOfWork, user: User) -> Mapping[str, int]:
        """Deletes a person's tokens: a part of `personal_data/store.py`."""
        return {"mailed_links": len(await unit.fetch(_ERASE, user.id))}

    async def delete_expired(self, now: datetime) -> int:
        total = 0
        while True:
            with translated():
                count: int = await self._pool.fetchval(
                    _DELETE_EXPIRED, now, _EXPIRED_BATCH_MAX, ASKED_WITHIN
                )
            total += count
            if count < _EXPIRED_BATCH_MAX:
                return total


async def _locked(
    unit: UnitOfWork,
    kinds: Sequence[MailKind],
    token_hash: bytes,
    now: datetime,
    check: Callable[[Sent | None], Sent],
) -> Sent:
    """What the token stands for, which nobody else changes or uses until the unit's end."""
    sent = check(_sent(await unit.fetch(_FIND, token_hash, kinds, now)))
    await unit.lock(USERS, _LOCK, sent.user.id)
    # Read again, now that whoever had the lock before has used the token or has not.
    return check(_sent(await unit.fetch(_FIND, token_hash, kinds, now)))


def _sent(rows: Sequence[Record]) -> Sent | None:
    if not rows:
        return None
    [row] = rows
    return Sent(to_user(row), MailKind(row["kind"]), row["sent_to"])
