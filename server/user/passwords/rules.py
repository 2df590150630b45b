"""Which passwords there may be, and as what they are hashed. Pure.

The same letters can be typed as different characters: a Mac sends `e` and an accent where others
send `é`, a Japanese keyboard full-width letters. NIST SP 800-63B has verifiers normalise them, so a
password is the NFKC form of what was typed, and that form is what has a length.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable

from server.kit import errors

LENGTH_MIN = 8  # characters
BYTES_MAX = 72  # that bcrypt takes

# By Unicode's categories: blanks, controls and formats. Of the others, those that it says to ignore
# where they cannot be shown (Default_Ignorable_Code_Point), and the blank of Braille.
_UNSEEN_KINDS = {"Zs", "Zl", "Zp", "Cc", "Cf"}
_is_unseen = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
).match


class PasswordTooCommon(errors.Invalid):
    """Whoever guesses passwords tries this one among the first."""

    reason = "PASSWORD_TOO_COMMON"


def normalised(typed: str) -> str:
    """The password that `typed` spells."""
    return unicodedata.normalize("NFKC", typed)


def chosen(typed: str, own: Iterable[str], is_common: Callable[[str], bool]) -> str:
    """The new password that `typed` spells. Raises `Invalid`, and `PasswordTooCommon`.

    `own` is what is known of the account by whoever guesses: its e-mail and its name.
    """
    password = normalised(typed)
    if len(password) < LENGTH_MIN or len(password.encode()) > BYTES_MAX:
        raise _refused(f"must be {LENGTH_MIN} characters to {BYTES_MAX} bytes")
    guessed = _seen(password)
    if not guessed:
        raise _refused("must hold more than spaces and invisible characters")
    if guessed in {_seen(part) for each in own for part in (each, each.partition("@")[0])}:
        raise _refused("must be another than the account's e-mail or name")
    if is_common(guessed):
        raise PasswordTooCommon("password: must be one that fewer people have", field="password")
    return password


def _refused(problem: str) -> errors.Invalid:
    return errors.Invalid(problem, field="password")


def _seen(text: str) -> str:
    """What a reader sees of `text`, in one case: blanks and what leaves no mark hide nothing."""
    marks = (
        each
        for each in normalised(text)
        if unicodedata.category(each) not in _UNSEEN_KINDS and not _is_unseen(each)
    )
    return normalised("".join(marks)).casefold()


def forms(typed: str) -> list[bytes]:
    """What may have been hashed of a password that is typed as `typed`; the first is as of now.

    Before passwords were normalised they were hashed as they were sent. How many forms there are
    follows from `typed` alone, and for most passwords it is one. It is none for what is too long.
    """
    encoded = dict.fromkeys(form.encode() for form in (normalised(typed), typed))
    return [form for form in encoded if len(form) <= BYTES_MAX]
