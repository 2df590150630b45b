"""What mails say, and that nobody can put more into them."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from server.settings import SettingsError
from server.user.mail.letters import Letters
from server.user.mail.rules import MailKind

AT = datetime(2026, 5, 17, 12, tzinfo=UTC)
TOKEN = "t" * 43
WITH_LINKS = {MailKind.RESET_PASSWORD, MailKind.VERIFY_EMAIL, MailKind.CHANGE_EMAIL}


@pytest.mark.parametrize("kind", MailKind)
def test_every_kind_has_words(kind: MailKind) -> None:
    token = TOKEN if kind in WITH_LINKS else ""
    mail = Letters("Shop <shop@example.com>", "").write(kind, "ann@example.com", AT, token, 1_800)
    sent = message_from_bytes(mail.as_bytes(), policy=default)
    assert (sent["From"], sent["To"]) == ("Shop <shop@example.com>", "ann@example.com")
    assert sent["Subject"]
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent.get_content_type() == "text/plain"
    assert "{" not in str(sent.get_content()).replace('{"token"', "")


def test_a_link_leads_to_the_shop_with_the_token_where_no_log_has_it() -> None:
    letters = Letters("shop@example.com", "https://shop.example/")
    text = letters.write(MailKind.RESET_PASSWORD, "a@b.c", AT, TOKEN, 1_800).get_content()
    assert f"\nhttps://shop.example/reset-password#token={TOKEN}\n" in text
    assert "30 minutes" in text


@pytest.mark.parametrize("to", ["a..b@example.com", "o'neill+x@example.com", ".a.@b.c"])
def test_an_odd_address_gets_its_mail(to: str) -> None:
    mail = Letters("shop@example.com", "").write(MailKind.PASSWORD_CHANGED, to, AT)
    sent = message_from_bytes(mail.as_bytes(), policy=default)
    assert sent["To"].addresses[0].addr_spec.replace('"', "") == to


@pytest.mark.parametrize("to", ["a@b.c\r\nBcc: d@e.f", "a\nBcc: d@e.f@b.c"])
def test_no_address_can_hold_another_header(to: str) -> None:
    with pytest.raises(ValueError, match=r"CR|linefeed|newline"):
        Letters("shop@example.com", "").write(MailKind.PASSWORD_CHANGED, to, AT)


@pytest.mark.parametrize("sender", ["", "Shop", "a@b.c, d@e.f", "a@b.c\r\nBcc: d@e.f"])
def test_a_sender_is_one_address(sender: str) -> None:
    with pytest.raises(SettingsError, match=r"^MAIL_FROM must be one address") as error:
        Letters(sender, "")
    assert "e.f" not in str(error.value)
