"""The codes of authenticator apps, by RFC 6238."""

from datetime import datetime

import pyotp
from pyotp.exceptions import OTPVerificationError

_WINDOW = 1  # steps before and after now: clocks differ, and people type slowly


def new_secret() -> str:
    """160 random bits in base32, for an app."""
    return pyotp.random_base32()


def otpauth_uri(secret: str, email: str, issuer: str) -> str:
    """What an app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def step_of(code: str, secret: str, at: datetime) -> int | None:
    """The number of the 30 seconds that `code` belongs to; None when it is none of now."""
    totp = pyotp.TOTP(secret)
    try:
        return totp.verify_and_get_timecode(code, for_time=at, valid_window=_WINDOW)
    except OTPVerificationError:
        return None
