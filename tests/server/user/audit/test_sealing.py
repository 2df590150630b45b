"""What was sealed is opened by its key, for its record, and by nothing else."""

import secrets
import uuid

import pytest

from server.kit.context import Device
from server.user.audit.sealing import seal, unseal

DEVICE = Device("a phone", "192.0.2.7")
KEY, ID = secrets.token_bytes(32), str(uuid.uuid4())


def test_a_key_opens_what_it_sealed() -> None:
    sealed = seal(KEY, ID, DEVICE)
    assert unseal(KEY, ID, sealed) == DEVICE
    assert b"192.0.2" not in sealed
    assert seal(KEY, ID, DEVICE) != sealed, "no two look alike"


@pytest.mark.parametrize("place", [0, 12, -1])
def test_what_was_changed_is_not_opened(place: int) -> None:
    sealed = bytearray(seal(KEY, ID, DEVICE))
    sealed[place] ^= 1
    with pytest.raises(ValueError, match="sealed under another"):
        unseal(KEY, ID, bytes(sealed))


def test_neither_another_key_opens_it_nor_for_another_record() -> None:
    sealed = seal(KEY, ID, DEVICE)
    for key, record_id in ((secrets.token_bytes(32), ID), (KEY, str(uuid.uuid4()))):
        with pytest.raises(ValueError, match="sealed under another"):
            unseal(key, record_id, sealed)
