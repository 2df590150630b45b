"""Whose the address and the device of a record are, and who may be told of them."""

import uuid
from datetime import UTC, datetime

import pytest

from server.user.audit.rules import holder_of, is_by, is_strangers

AT = datetime(2026, 5, 17, 23, 59, tzinfo=UTC)
ANN, BOB = str(uuid.uuid4()), str(uuid.uuid4())
OF_THE_DAY = "strangers:2026-05-17"


@pytest.mark.parametrize(
    ("actor", "subject", "holder"),
    [
        (ANN, BOB, ANN),
        (ANN, "", ANN),
        ("", BOB, BOB),
        ("service:order", BOB, BOB),
        ("", "", OF_THE_DAY),
        ("service:order", "", OF_THE_DAY),
    ],
)
def test_they_are_of_whoever_called(actor: str, subject: str, holder: str) -> None:
    assert holder_of(actor, subject, AT) == holder
    assert is_strangers(holder) == (holder == OF_THE_DAY)


@pytest.mark.parametrize(
    ("actor", "subject", "succeeded", "by_ann"),
    [
        (ANN, "", True, True),
        (ANN, BOB, False, True),
        ("", ANN, True, True),  # signed in
        ("", ANN, False, False),  # somebody tried to
        ("", BOB, True, False),
        ("", "", True, False),
        (BOB, ANN, True, False),
        ("service:user", ANN, True, False),
    ],
)
def test_a_call_is_of_whoever_made_it_or_proved_by_it_who_they_are(
    actor: str, subject: str, succeeded: bool, by_ann: bool
) -> None:
    assert is_by(ANN, actor, subject, has_succeeded=succeeded) == by_ann
