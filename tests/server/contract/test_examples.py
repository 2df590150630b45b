"""An example of each request, by the rules and comments of the contract."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import image as images
from server.contract import rpcs
from server.contract.examples import Examples

Json = dict[str, Any]


@pytest.fixture(scope="module")
def image() -> FileDescriptorSet:
    return images.build()


def of(image: FileDescriptorSet, name: str) -> Json:
    return Examples(image).of(next(rpc for rpc in rpcs.read(image) if rpc.name == name))


def comments(image: FileDescriptorSet) -> Iterator[Any]:
    return (each for file in image.file for each in file.source_code_info.location)


def test_what_must_be_there_or_is_secret_is_a_variable(image: FileDescriptorSet) -> None:
    assert of(image, "Login") == {"email": "{{email}}", "password": "{{password}}"}
    assert of(image, "GetOrder") == {"order_id": "{{order_id}}"}
    assert of(image, "CreateProduct")["sku"] == "{{sku}}"  # SKU_TAKEN


def test_a_value_is_what_the_comment_names_and_the_rules_take(image: FileDescriptorSet) -> None:
    changed = FileDescriptorSet.FromString(image.SerializeToString())
    assert of(changed, "RecordEvent") == {"type": "product.viewed"}
    for each in comments(changed):
        said = each.leading_comments.replace("such as `product.viewed`", "no `No`, but `cart.left`")
        each.leading_comments = said
    assert of(changed, "RecordEvent") == {"type": "cart.left"}


def test_the_rules_of_the_whole_are_kept(image: FileDescriptorSet) -> None:
    (line,) = of(image, "CreateOrder")["items"]
    assert line == {"quantity": 1, "product_id": "{{product_id}}"}


def test_a_change_changes_something(image: FileDescriptorSet) -> None:
    assert of(image, "UpdateUser").keys() == {"user_id", "email"}
    assert of(image, "SuspendUser").keys() == {"user_id"}


def test_a_field_without_an_example_ends_the_run(image: FileDescriptorSet) -> None:
    changed = FileDescriptorSet.FromString(image.SerializeToString())
    for each in comments(changed):
        each.leading_comments = each.leading_comments.replace("`product.viewed`", "a view")
        each.leading_comments = each.leading_comments.replace("`order.`", "one word")
    with pytest.raises(SystemExit, match=r"RecordEventRequest.type: no example of it is known"):
        of(changed, "RecordEvent")
