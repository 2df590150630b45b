"""Where one-time tokens are stored: the interface of a store."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from server.kit.postgres.transaction import UnitOfWork
from server.user.accounts.rules import Changed
from server.user.email_links.rules import Sent
from server.user.mail.rules import MailKind, MailRequest


class LinkStore(Protocol):
    """One-time tokens, known by their hashes, and mails that are to be sent.

    A token is of the version of its account that it was made for; one to another address, of that
    which asked for it. It ends when the account has a later `links_since`, whatever act that was
    and however long the mail waited. What verifies the address of a new account outlives that: it
    shows whose the address is, and nothing else. So does the first link to an account that staff
    opened, until its owner has set a password by any link: nobody else was mailed it, and no act of
    staff or of whoever knows their password takes the account from its owner.

    Errors as in `UserStore`.
    """

    async def request(self, mail: MailRequest) -> None:
        """Leaves a mail to be sent. The same work whoever it is for."""

    async def ask(self, unit: UnitOfWork, mail: MailRequest) -> None:
        """Keeps that somebody asked for a link to another e-mail, in the unit that asks for it.

        The unit has locked the account. Where as many links as there may be are open, the oldest
        ends. Raises `TooManyLinks` and, of the address, `TooManyMails`.
        """

    async def issue(
        self, mail: MailRequest, token_hash: bytes, now: datetime, expires_at: datetime
    ) -> str | None:
        """Stores the token of `mail`; gives the address that it goes to.

        None, and nothing is stored, when there is no active account with the address of the mail
        (with `CHANGE_EMAIL`: of that id), when it has `LIVE_MAX` such links that are still good,
        when it needs none, or when the link has ended already. Storing again replaces the hash,
        unless the token was used.
        """

    async def address(self, user_id: str) -> str | None:
        """The account's address; None when there is no such account any more."""

    async def find(
        self, kinds: Sequence[MailKind], token_hash: bytes, now: datetime
    ) -> Sent | None:
        """Whose a good token of those kinds is; None when it is none."""

    async def reset_password(
        self,
        token_hash: bytes,
        password_hash: bytes,
        now: datetime,
        check: Callable[[Sent | None], Sent],
        change: Callable[[Sent], Sequence[Changed]],
    ) -> None:
        """Uses a token to set a password. Once: of two at the same time the second finds none.

        `check` is given what `find` gives, and its exceptions roll everything back. What `change`
        makes of the account one after the other is stored with its events and mails. If its owner
        had proved nothing before, what outlives a password is erased: API keys and a second factor.
        """

    async def verify_email(
        self,
        token_hash: bytes,
        now: datetime,
        check: Callable[[Sent | None], Sent],
        change: Callable[[Sent], Changed],
    ) -> None:
        """Uses a token to store what `change` makes of the account, with its event and mails.

        Else as `reset_password`. Raises `EmailTaken`.
        """

    async def delete_expired(self, now: datetime) -> int:
        """Deletes tokens that have expired, so many at a time; gives their number."""
