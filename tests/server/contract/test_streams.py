"""What is made for people of a stream that the contract declares."""

import json
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import event_streams, grpcurl, http_file, postman, reference, rpcs
from tests.envoy.more_rpcs import image_with
from tests.envoy.ticking import PROTO

ACCEPT = {"key": "Accept", "value": "text/event-stream"}


@pytest.fixture(scope="module")
def image() -> FileDescriptorSet:
    return image_with(PROTO)


def test_the_http_file_asks_for_events(image: FileDescriptorSet, tmp_path: Path) -> None:
    (made,) = http_file.generate(image, tmp_path)
    call = made.read_text().split("### WatchTicks:")[1].split("###")[0]
    assert "GET {{edge}}/api/v1/ticks:watch\nAccept: text/event-stream\n" in call


def test_the_collection_asks_for_events(image: FileDescriptorSet, tmp_path: Path) -> None:
    (made,) = postman.generate(image, tmp_path)
    folders = json.loads(made.read_text())["item"]
    calls = {call["name"]: call["request"] for each in folders for call in each["item"]}
    assert ACCEPT in calls["WatchTicks"]["header"]
    assert ACCEPT in calls["WatchOwnTicks"]["header"]
    assert ACCEPT not in calls["GetTick"]["header"]


def test_the_pages_know_it(image: FileDescriptorSet, tmp_path: Path) -> None:
    (page,) = (each for each in reference.generate(image, tmp_path) if "TickService" in each.name)
    assert "Answers a stream of `emporium.order.v1.Tick`" in page.read_text()
    (made,) = grpcurl.generate(image, tmp_path)
    assert "emporium.order.v1.TickService/WatchTicks" in made.read_text()


def test_bytes_are_what_the_edge_alone_takes_it_for(image: FileDescriptorSet) -> None:
    before = image.SerializeToString(deterministic=True)
    made = event_streams.as_bytes(image, rpcs.read(image))
    assert image.SerializeToString(deterministic=True) == before
    answers = {
        method.name: method.output_type
        for file in made.file
        for service in file.service
        for method in service.method
    }
    assert answers["WatchTicks"] == answers["WatchOwnTicks"] == ".google.api.HttpBody"
    assert answers["GetTick"] == ".emporium.order.v1.Tick"
    # It has no path of REST.
    assert answers["WatchRevocations"] == ".emporium.user.v1.WatchRevocationsResponse"
