"""What mails say, and that nobody can put more into them."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from server.settings import SettingsError
from server.user.mail.letters import Letters
from server.user.mail.rules import MailKind, MailRequest, in_words

AT = datetime(2026, 5, 17, 12, tzinfo=UTC)
TOKEN = "t" * 43
WHOLE = {"api_key_name": "ERP at home", "recovery_codes_left": 9}
WITH_LINKS = {
    MailKind.RESET_PASSWORD,
    MailKind.VERIFY_EMAIL,
    MailKind.CHANGE_EMAIL,
    MailKind.ACCOUNT_OPENED,
}


def asked(kind: MailKind, **fields: Any) -> MailRequest:
    return MailRequest("id", kind, "", "", AT, None, **fields)


@pytest.mark.parametrize("kind", MailKind)
def test_every_kind_has_words(kind: MailKind) -> None:
    token = TOKEN if kind in WITH_LINKS else ""
    mail = Letters("Shop <shop@example.com>", "").write(
        asked(kind, **WHOLE), "ann@example.com", token, 1_800
    )
    sent = message_from_bytes(mail.as_bytes(), policy=default)
    assert (sent["From"], sent["To"]) == ("Shop <shop@example.com>", "ann@example.com")
    assert sent["Subject"]
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent.get_content_type() == "text/plain"
    assert "{" not in str(sent.get_content()).replace('{"token"', "")


def test_a_link_leads_to_the_shop_with_the_token_where_no_log_has_it() -> None:
    letters = Letters("shop@example.com", "https://shop.example/")
    text = letters.write(asked(MailKind.RESET_PASSWORD), "a@b.c", TOKEN, 1_800).get_content()
    assert f"\nhttps://shop.example/reset-password#token={TOKEN}\n" in text
    assert "30 minutes" in text


@pytest.mark.parametrize("to", ["a..b@example.com", "o'neill+x@example.com", ".a.@b.c"])
def test_an_odd_address_gets_its_mail(to: str) -> None:
    mail = Letters("shop@example.com", "").write(asked(MailKind.PASSWORD_CHANGED), to)
    sent = message_from_bytes(mail.as_bytes(), policy=default)
    assert sent["To"].addresses[0].addr_spec.replace('"', "") == to


@pytest.mark.parametrize("to", ["a@b.c\r\nBcc: d@e.f", "a\nBcc: d@e.f@b.c"])
def test_no_address_can_hold_another_header(to: str) -> None:
    with pytest.raises(ValueError, match=r"CR|linefeed|newline"):
        Letters("shop@example.com", "").write(asked(MailKind.PASSWORD_CHANGED), to)


@pytest.mark.parametrize("sender", ["", "Shop", "a@b.c, d@e.f", "a@b.c\r\nBcc: d@e.f"])
def test_a_sender_is_one_address(sender: str) -> None:
    with pytest.raises(SettingsError, match=r"^MAIL_FROM must be one address") as error:
        Letters(sender, "")
    assert "e.f" not in str(error.value)


def said(kind: MailKind, **fields: Any) -> str:
    letters = Letters("shop@example.com", "")
    return " ".join(letters.write(asked(kind, **fields), "a@b.c").get_content().split())


def test_a_new_key_is_told_with_its_name_and_when() -> None:
    told = said(MailKind.API_KEY_CREATED, api_key_name="Zoë's ERP - home")
    began = 'An API key called "Zoë_s ERP - home" was made for your account on 17 May 2026 at 12:00'
    assert told.startswith(began + " UTC.")
    assert said(MailKind.API_KEY_CREATED).startswith("An API key was made for your account on 17")


@pytest.mark.parametrize(
    "name",
    ["https://evil.example", "evil.example/x", 'x"\r\n\r\nSend money', "a@evil.example", "{at}"],
)
def test_a_name_leads_nowhere_and_begins_no_line(name: str) -> None:
    """Whoever has stolen a token chooses it, and the mail is believed to be the shop's."""
    letters = Letters("shop@example.com", "")
    mail = asked(MailKind.API_KEY_CREATED, api_key_name=name)
    first = letters.write(mail, "a@b.c").get_content().splitlines()[0]
    shown = first.partition('"')[2].rpartition('"')[0]
    assert len(shown) == len(name)
    assert not set(shown) & set('.:/@"{}\r\n')


@pytest.mark.parametrize(("left", "words"), [(9, "9 are"), (1, "one is"), (0, "none is")])
def test_how_many_recovery_codes_are_left_is_told(left: int, words: str) -> None:
    told = said(MailKind.RECOVERY_CODE_USED, recovery_codes_left=left)
    assert f"of the others {words} left." in told


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (86_400, "24 hours"),
        (1_800, "30 minutes"),
        (172_800, "2 days"),
        (3_600, "60 minutes"),
        (7_199, "119 minutes"),
        (100_000, "27 hours"),
        (90, "90 seconds"),
        (0.5, "1 second"),
    ],
)
def test_a_time_is_told_in_words_that_promise_no_more_than_it_is(
    seconds: float, words: str
) -> None:
    assert in_words(seconds) == words
