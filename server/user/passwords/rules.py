"""Which passwords there may be, and as what they are hashed. Pure.

The same letters can be typed as different characters: a Mac sends `e` and an accent where others
send `é`, a Japanese keyboard full-width letters. NIST SP 800-63B has verifiers normalise them, so a
password is the NFKC form of what was typed, and that form is what has a length.
"""

import unicodedata
from collections.abc import Callable

from server.kit import errors

LENGTH_MIN = 8  # characters
BYTES_MAX = 72  # that bcrypt takes

_LENGTH = f"must be {LENGTH_MIN} characters to {BYTES_MAX} bytes"


class PasswordTooCommon(errors.Invalid):
    """Whoever guesses passwords tries this one among the first."""

    reason = "PASSWORD_TOO_COMMON"


def normalised(typed: str) -> str:
    """The password that `typed` spells."""
    return unicodedata.normalize("NFKC", typed)


def chosen(typed: str, is_common: Callable[[str], bool]) -> str:
    """The new password that `typed` spells. Raises `Invalid`, and `PasswordTooCommon`."""
    password = normalised(typed)
    if len(password) < LENGTH_MIN or len(password.encode()) > BYTES_MAX:
        raise errors.Invalid(_LENGTH, field="password")
    if is_common(password):
        raise PasswordTooCommon("too many people have this one; take another", field="password")
    return password


def forms(typed: str) -> list[bytes]:
    """What may have been hashed of a password that is typed as `typed`; the first is as of now.

    Before passwords were normalised they were hashed as they were sent. How many forms there are
    follows from `typed` alone, and for most passwords it is one. It is none for what is too long.
    """
    encoded = dict.fromkeys(form.encode() for form in (normalised(typed), typed))
    return [form for form in encoded if len(form) <= BYTES_MAX]
