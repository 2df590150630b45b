"""The contract's image, as services read it."""

from pathlib import Path

import pytest
from google.protobuf.api_pb2 import Api

from emporium.user.v1.user_service_pb2 import CreateUserRequest
from server.kit import descriptors
from server.settings import SettingsError


def test_a_described_message_reads_the_bytes_of_the_stubs() -> None:
    sent = CreateUserRequest(email="ada@example.com", age=36)
    read = descriptors.described(CreateUserRequest).FromString(sent.SerializeToString())
    assert str(read) == str(sent)
    assert type(read) is not type(sent)


def test_a_service_without_the_image_says_which_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptors, "IMAGE", tmp_path / "gone.binpb")
    with pytest.raises(SettingsError, match=r"gone\.binpb is missing"):
        descriptors.pool.__wrapped__()


def test_a_message_that_the_image_has_not_is_named_with_the_remedy() -> None:
    with pytest.raises(LookupError, match=r"no google\.protobuf\.Api; .* make generate"):
        descriptors.described(Api)
