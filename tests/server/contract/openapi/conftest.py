"""The document that the contract gives."""

from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import image as images
from server.contract.openapi import document


@pytest.fixture(scope="session")
def image() -> FileDescriptorSet:
    return images.build()


@pytest.fixture(scope="session")
def made(image: FileDescriptorSet) -> dict[str, Any]:
    return document.make(image)
