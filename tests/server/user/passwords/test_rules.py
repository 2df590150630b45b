"""Which passwords may be chosen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit import errors
from server.user.passwords.common import is_common
from server.user.passwords.rules import PasswordTooCommon, chosen


def nothing_is_common(password: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("typed", "password"),
    [
        ("x" * 8, "x" * 8),
        ("x" * 72, "x" * 72),
        ("\U0001f381" * 18, "\U0001f381" * 18),
        ("\U0001f381" * 8, "\U0001f381" * 8),  # characters are counted, not bytes
        ("\ufb03" * 3, "ffi" * 3),  # 3 ligatures are 9 letters
        ("\uff58" * 72, "x" * 72),  # 216 bytes of full-width letters
        ("\U0001d7ce" * 72, "0" * 72),  # 288 bytes
        ("ho\u0308rsehorse", "h\u00f6rsehorse"),
    ],
)
def test_a_password_is_what_was_typed_normalised(typed: str, password: str) -> None:
    assert chosen(typed, (), nothing_is_common) == password


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "x" * 7,
        "x" * 73,
        "\U0001f381" * 7,
        "\U0001f381" * 19,
        "o\u0308" * 7,  # 14 characters, and 7 letters
        "\u0958" * 24,  # 72 bytes, and 144 when normalised
        "\ufdfa" * 5,  # 15 bytes, and 90 characters
    ],
)
def test_a_password_has_its_length_when_it_is_normalised(typed: str) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        chosen(typed, (), nothing_is_common)
    assert (refusal.value.reason, [each.field for each in refusal.value.violations]) == (
        "VALIDATION_FAILED",
        ["password"],
    )


# What stands between letters and is not seen, each of another kind.
UNSEEN = " \t\u00ad\u034f\u115f\u180e\u200b\u200d\u2028\u2060\u2065\u2800\u3000\u3164"
UNSEEN += "\ufe0f\ufeff\ufff0\U000e0001\U000e0101"

# One of each kind: much used, digits in a row or repeated, letters likewise, keys, a year, a name,
# a word, digits for letters, something added; and what is long, yet nothing else.
GUESSED_FIRST = [
    *("password", "PASSWORD", "Password1", "iloveyou", "12345678", "987654321", "87654321"),
    *("88888888", "111111111", "123123123", "12341234", "abcdefgh", "aaaaaaaa", "asdasdasd"),
    *("qwertyui", "19871987", "michelle", "administrator", "adminadmin", "P@ssw0rd", "trustno1!"),
    *("football99", "a" * 30, "password" * 3, "1234567890" * 2),
]


@pytest.mark.parametrize(
    "typed",
    [
        *GUESSED_FIRST,
        "\uff11" * 8,
        *(f"pass{each}word" for each in UNSEEN),
        *(f"{each}{each}123456" for each in UNSEEN),  # which is too short by itself
    ],
    ids=ascii,
)
def test_what_everybody_chooses_is_refused(typed: str) -> None:
    with pytest.raises(PasswordTooCommon):
        chosen(typed, (), is_common)
    assert chosen(typed, (), nothing_is_common)


@pytest.mark.parametrize("typed", [*(each * 8 for each in UNSEEN), UNSEEN[:16]], ids=ascii)
def test_what_nobody_sees_is_no_password(typed: str) -> None:
    with pytest.raises(errors.Invalid, match=r"^password: must hold more than spaces"):
        chosen(typed, (), nothing_is_common)


EMAIL, NAME = "Ann.Example@example.com", "Ann Ex\u00e4mple"


@pytest.mark.parametrize(
    "typed",
    [
        EMAIL,
        EMAIL.upper(),
        "ann.example",
        "a nn.ex\u200bample",
        NAME,
        "annex\u00e4mple",
        "ANN EXA\u0308MPLE",
        "  Ann Exa\u200d\u0308mple  ",
    ],
    ids=ascii,
)
def test_neither_the_own_e_mail_nor_the_own_name_is_a_password(typed: str) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        chosen(typed, (EMAIL, NAME), nothing_is_common)
    assert refusal.value.message == "password: must be another than the account's e-mail or name"
    assert chosen(typed, ("bob@example.com", "Bob"), nothing_is_common)


def test_a_password_may_hold_the_own_name_among_others() -> None:
    assert chosen("Ann Ex\u00e4mple rides", (EMAIL, NAME, "", "\u200b"), nothing_is_common)


@pytest.mark.parametrize(
    "typed",
    [
        "correct horse",
        "Zo\u00eb \u0141ukasz",
        "x7-Kd)2mLq",
        "a" * 40 + "x7-Kd)2mLq",
        "4@8({[<3" * 9,
    ],
)
def test_what_few_choose_is_not(typed: str) -> None:
    assert chosen(typed, (), is_common) == typed


@given(st.text(min_size=1, max_size=72))
def test_every_text_is_judged(text: str) -> None:
    assert is_common(text) in {True, False}
