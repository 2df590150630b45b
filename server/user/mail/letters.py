"""The words of each mail, as plain text."""

from datetime import UTC
from email.message import EmailMessage
from urllib.parse import urlsplit

from server.kit.mail import Sender
from server.user.mail.rules import MailKind, MailRequest, in_words

# Nothing that somebody chose about themselves, such as a name, is in a mail: with it anybody could
# write what they like to an address that is not theirs. The name of an API key is, where the
# account is its owner's, without what a link needs: who has stolen a token leads nobody anywhere.
_SUBJECTS = {
    MailKind.RESET_PASSWORD: "Set a new password",
    MailKind.PASSWORD_CHANGED: "Your password was changed",
    MailKind.VERIFY_EMAIL: "Verify your e-mail",
    MailKind.CHANGE_EMAIL: "Verify your new e-mail",
    MailKind.EMAIL_CHANGED: "Your e-mail was changed",
    MailKind.TOTP_ENABLED: "Logins need a code from now on",
    MailKind.TOTP_DISABLED: "Logins need no code any more",
    MailKind.RECOVERY_CODE_USED: "A recovery code was used",
    MailKind.API_KEY_CREATED: "An API key was made",
    MailKind.EMAIL_GIVEN: "Your account has this e-mail",
    MailKind.ACCOUNT_OPENED: "An account was opened for you",
}

_TEXTS = {
    MailKind.RESET_PASSWORD: """\
Somebody asked to set a new password for the account with this address.

{link}
This works once, for {lifetime}. If it was not you, do nothing: your password stays as it is.
""",
    MailKind.PASSWORD_CHANGED: """\
The password of the account with this address was changed.

If it was not you, ask for a new one at once: whoever changed it can sign in as you.
""",
    MailKind.VERIFY_EMAIL: """\
An account was opened with this address. If it was you, show that the address is yours:

{link}
This works once, for {lifetime}. If it was not you, do nothing: whoever opened it can sign in.
""",
    MailKind.CHANGE_EMAIL: """\
Somebody asked to use this address for their account. Show that it is yours:

{link}
This works once, for {lifetime}. If it was not you, do nothing.
""",
    MailKind.EMAIL_CHANGED: """\
Your account has another address from now on. This one signs in no more.

If it was not you, tell the shop at once.
""",
    MailKind.TOTP_ENABLED: """\
A second factor was added to your account: logins need a code of an app, or a recovery code.

If it was not you, tell the shop at once: somebody else was signed in as you.
""",
    MailKind.TOTP_DISABLED: """\
The second factor of your account was removed: the password alone signs in again.

If it was not you, set a new password at once, and tell the shop.
""",
    MailKind.RECOVERY_CODE_USED: """\
One of your recovery codes was used in place of a code of your app. It works no more; of the others
{left}.

If it was not you, set a new password at once, and tell the shop.
""",
    MailKind.API_KEY_CREATED: """\
An API key{name} was made for your account on {at}. A program that has it signs in
as you until it ends, also after a new password.

If it was not you, delete the key and set a new password at once, and tell the shop.
""",
    MailKind.EMAIL_GIVEN: """\
The shop has set this address as that of your account: it signs in with it from now on, by the same
password, and its mails come here.

If you know of no such account, tell the shop at once.
""",
    MailKind.ACCOUNT_OPENED: """\
The shop has opened an account for you with this address. Set a password that only you know, also if
you were told one:

{link}
This works once, for {lifetime}; later, ask for a new password. If you know of no such account,
tell the shop.
""",
}

_PAGES = {
    MailKind.RESET_PASSWORD: "reset-password",
    MailKind.VERIFY_EMAIL: "verify-email",
    MailKind.CHANGE_EMAIL: "verify-email",
    MailKind.ACCOUNT_OPENED: "reset-password",
}
_CALLS = {
    MailKind.RESET_PASSWORD: 'POST /api/v1/auth/password:reset {"token", "password"}',
    MailKind.VERIFY_EMAIL: 'POST /api/v1/auth/email:verify {"token"}',
    MailKind.CHANGE_EMAIL: 'POST /api/v1/auth/email:verify {"token"}',
    MailKind.ACCOUNT_OPENED: 'POST /api/v1/auth/password:reset {"token", "password"}',
}


class Letters:
    """Writes mails from `sender`, such as `Emporium <shop@example.com>`.

    Links lead to the shop's pages below `shop_url`, with the token behind a `#`, where it is in no
    log and no referrer; without a `shop_url` the mail says which call takes the token. Raises
    `SettingsError`.
    """

    def __init__(self, sender: str, shop_url: str) -> None:
        self._sender = Sender(sender)
        self._shop_url = shop_url.rstrip("/")

    def write(
        self, mail: MailRequest, to: str, token: str = "", lifetime_seconds: float = 0
    ) -> EmailMessage:
        """The mail."""
        message = self._sender.message(to, _SUBJECTS[mail.kind], mail.occurred_at)
        text = _TEXTS[mail.kind].format(
            link=self._link(mail.kind, token) if token else "",
            lifetime=in_words(lifetime_seconds),
            name=_named(mail.api_key_name),
            at=f"{mail.occurred_at.astimezone(UTC):%-d %B %Y at %H:%M} UTC",
            left=_left(mail.recovery_codes_left),
        )
        message.set_content(text)
        return message

    def _link(self, kind: MailKind, token: str) -> str:
        if urlsplit(self._shop_url).netloc:
            return f"{self._shop_url}/{_PAGES[kind]}#token={token}\n"
        return f"Token: {token}\nSend it with: {_CALLS[kind]}\n"


def _named(name: str) -> str:
    shown = "".join(each if each.isalnum() or each in " -" else "_" for each in name)
    return f' called "{shown}"' if name else ""


def _left(count: int) -> str:
    return {0: "none is left", 1: "one is left"}.get(count, f"{count} are left")
