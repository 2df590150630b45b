"""Where accounts are stored: the interface of a store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
from server.kit.postgres.transaction import UnitOfWork
from server.kit.standing import Standing
from server.user.accounts.rules import Changed, Filters, Opened, User, UserEvent
from server.user.mail.rules import MailRequest
from server.user.revocations.rows import Entry

SORTABLE: Mapping[str, type] = {"created_at": datetime, "email": str, "full_name": str}
"""The columns that `UserStore.list` can sort by, with their types."""


class Erasing(Protocol):
    """What goes with an account that is deleted: all else that this database holds of its owner."""

    async def erase(self, unit: UnitOfWork, user: User, at: datetime) -> None:
        """Erases it in the unit of work that deletes the account, and keeps what was erased."""


class Asking(Protocol):
    """What keeps how often somebody asks for a link to another e-mail."""

    async def ask(self, unit: UnitOfWork, mail: MailRequest) -> None:
        """Keeps, in the unit of work that asks for it, that `mail` will be sent.

        Raises `RateLimited`.
        """


class UserStore(Protocol):
    """Accounts, their password hashes, and the outbox of their events.

    Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when
    it is too slow; a change may have been made then, but never half of it.
    """

    async def create(
        self, opened: Opened, password_hash: bytes | None, key: Key | None, answer: bytes
    ) -> bytes:
        """Stores a new account, its event and mail, and `answer` under `key`.

        Returns the answer to send: `answer`, or the first one when `key` was used before with the
        same body; then nothing is changed. Raises `IdempotencyKeyReused` when the body was
        another, and `EmailTaken`.
        """

    async def get(self, user_id: str) -> User:
        """The account. Raises `UserNotFound`."""

    async def get_many(self, user_ids: Iterable[str]) -> Sequence[User]:
        """The accounts in the order of `user_ids`, each once; without those that are missing."""

    async def standings(
        self, user_ids: Sequence[str], position: int
    ) -> tuple[Mapping[str, Standing], Sequence[Entry]]:
        """What those of the accounts that there are may do now, by id.

        Beside it what the feed of revocations tells of them after that position, in its order.
        """

    async def list(self, filters: Filters, query: PageQuery) -> Page[User]:
        """One page in the query's order, ties broken by id."""

    async def update(self, user_id: str, change: Callable[[User], Changed]) -> User:
        """Locks the account, stores what `change` makes of it, with event and mails; returns it.

        `change` is pure, and its exceptions roll everything back. Raises `UserNotFound`,
        `EmailTaken` and `LastAdmin`. Of two concurrent updates the second sees the result of the
        first, and of two that would leave no admin one is refused.
        """

    async def update_once(
        self,
        user_id: str,
        change: Callable[[User], Changed],
        key: Key | None,
        answer: Callable[[User], bytes],
        asking: Asking,
    ) -> bytes:
        """As `update`, and stores the `answer` to send under `key`, which it returns.

        A mail with a link to another e-mail is told to `asking`, whose errors it raises too.

        That is the first one when `key` was used before with the same body; then nothing is
        changed. Raises `IdempotencyKeyReused` when the body was another.
        """

    async def change_password(
        self,
        user_id: str,
        was: bytes | None,
        password_hash: bytes,
        change: Callable[[User], Changed],
    ) -> None:
        """As `update`, and replaces the password hash, if it still is `was`; else `Conflict`."""

    async def delete(
        self, user_id: str, change: Callable[[User], UserEvent], erasing: Erasing
    ) -> None:
        """Locks the account, deletes it with what `erasing` does, and stores the event.

        Nothing of it happens when `change` raises. Raises `UserNotFound` and `LastAdmin`.
        """
