"""The contract's rules of one kind of field: one for every such field, wherever it stands."""

from collections.abc import Iterable, Iterator
from string import ascii_uppercase
from typing import Any

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from iso3166 import countries

from emporium.order.v1.pricing_service_pb2 import CreateTaxRateRequest
from server.kit import descriptors
from server.kit.call.method import methods
from tests.discovery import contract

METHODS = [method for service in contract() for method in methods(service)]


def test_no_number_of_a_request_means_something_else_by_zero_than_by_nothing() -> None:
    """Either it can be told whether the number was sent, or zero is refused."""
    validator = protovalidate.Validator()
    numbers = [
        (message, field)
        for method in METHODS
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
        for field in message.fields
        if field.cpp_type in NUMBERS and not field.is_repeated
    ]
    assert {field.name for _, field in numbers} >= {"page", "per_page", "quantity", "age"}
    for message, field in numbers:
        violations = validator.collect_violations(GetMessageClass(message)(**{field.name: 0}))
        paths = [found.proto.field for found in violations]
        refused = {path.elements[0].field_name for path in paths if path and path.elements}
        name = f"{message.full_name}.{field.name}"
        assert field.has_presence or field.name in refused, f"{name} takes zero"
        assert field.has_presence or field.name in REQUIRED, name


NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
    FieldDescriptor.CPPTYPE_DOUBLE,
    FieldDescriptor.CPPTYPE_FLOAT,
}
# Refused alike whether they are zero or left out.
REQUIRED = {"quantity", "position", "min_quantity", "aggregate_version", "count", "delta"}


def messages(descriptor: Any) -> list[Any]:
    """A message and all those within it that are ours."""
    found = [descriptor]
    for field in descriptor.fields:
        within = field.message_type
        if within is not None and within.full_name.startswith("emporium."):
            found += messages(within)
    return found


def test_every_pattern_has_words_and_nothing_else_has() -> None:
    fields = {
        field.full_name: field
        for method in METHODS
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
        for field in message.fields
    }
    assert len(fields) > 100
    for name, field in fields.items():
        rules = descriptors.rules_of(field)
        items = rules.repeated.items.string
        has_pattern = bool(rules.string.pattern or rules.map.keys.string.pattern or items.pattern)
        said = descriptors.option_of(field, "emporium.errors.v1.in_words")
        assert bool(said) == has_pattern, name
        assert not said or said.startswith("must "), name


def rules_of_passwords(messages_of: Iterable[Any]) -> dict[str, bytes]:
    """The rules of each field that holds a password, without its other options."""
    return {
        f"{message.full_name}.{field.name}": descriptors.rules_of(field).SerializeToString()
        for message in messages_of
        for field in message.fields
        if field.name.endswith("password")
    }


def test_every_password_that_is_chosen_has_one_rule_and_every_other_one_has_another() -> None:
    found = rules_of_passwords(
        message
        for method in METHODS
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
    )
    chosen = found["emporium.user.v1.CreateUserRequest.password"]
    given = found.pop("emporium.user.v1.LoginRequest.password")
    assert len(found) >= 5
    assert chosen != given
    for name, rules in found.items():
        assert rules == (given if name.endswith(".current_password") else chosen), name


# Text of changes that nobody is shown: it is compared with another.
UNSEEN = {"etag", "request_id"}


def texts(message: Any) -> Iterator[Any]:
    """The fields that hold text of any kind: nothing says that it is an id, a code or a secret."""
    is_ours = message.full_name.startswith("emporium.") and not message.GetOptions().map_entry
    for field in message.fields if is_ours else ():
        rules = descriptors.rules_of(field).string
        is_of_a_kind = rules.pattern or rules.uuid or rules.email or list(getattr(rules, "in"))
        is_secret = field.GetOptions().debug_redact
        if field.type == field.TYPE_STRING and not (is_of_a_kind or is_secret or field.is_repeated):
            yield field


def rules_of_shown_texts() -> dict[str, Any]:
    """The rules of every text that people are shown, by the field's full name."""
    found = {
        field.full_name: descriptors.rules_of(field).string
        for method in METHODS
        if not method.is_read and method.rest
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
        for field in texts(message)
        if field.name not in UNSEEN
    }
    names = {name.rpartition(".")[2] for name in found}
    assert names >= {"full_name", "name", "product_name", "recipient", "street"}
    return found


# Texts of several lines.
OF_LINES = {
    "emporium.order.v1.CancelOrderRequest.reason",
    "emporium.order.v1.CreateOrderNoteRequest.text",
    "emporium.order.v1.CreateReturnRequest.comment",
    "emporium.order.v1.CreateProductRequest.description",
    "emporium.order.v1.RefundPaymentRequest.reason",
    "emporium.order.v1.UpdateReturnRequest.reason",
    "emporium.order.v1.CreateTrackingEventRequest.note",
    "emporium.order.v1.UpdateProductRequest.description",
    "emporium.type.v1.Address.street",
}


def predefined(name: str) -> Any:
    """A rule of rules.proto, as fields have it."""
    return descriptors.pool().FindExtensionByName(f"emporium.rules.v1.{name}")


def test_every_text_that_people_are_shown_may_not_change_its_direction() -> None:
    found = rules_of_shown_texts()
    text, lines = predefined("display_text"), predefined("display_lines")
    of_lines = {name for name, rules in found.items() if not rules.Extensions[text]}
    assert of_lines == OF_LINES
    assert all(found[name].Extensions[lines] for name in OF_LINES)


def test_every_text_that_people_are_shown_shows_something_where_it_is_given() -> None:
    blank, found = predefined("not_blank"), rules_of_shown_texts()
    assert [name for name, rules in found.items() if not rules.Extensions[blank]] == []


# What finds, and keeps none: of a country that was kept before there was the rule, too.
FILTERS = {"emporium.order.v1.ListTaxRatesRequest.country_code"}


def test_every_country_that_is_kept_is_one() -> None:
    found = {
        field.full_name: descriptors.rules_of(field)
        for method in METHODS
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
        for field in message.fields
        if field.name in ("country_code", "country_codes")
    }
    assert len(found.keys() - FILTERS) >= 3
    rule = predefined("country")
    for name in found.keys() - FILTERS:
        rules = found[name]
        assert rules.string.Extensions[rule] or rules.repeated.items.string.Extensions[rule], name


def test_countries_are_those_of_the_standard() -> None:
    """The package has XK, too, which is none of the standard's."""
    rate = descriptors.described(CreateTaxRateRequest)
    validator = protovalidate.Validator()
    codes = [first + second for first in ascii_uppercase for second in ascii_uppercase]
    taken = {
        code
        for code in codes
        if not validator.collect_violations(rate(country_code=code, name="VAT", rate="1"))
    }
    assert taken == {each.alpha2 for each in countries}


# Which take an address that an account may have had before there was the rule of RFC 5321.
KNOWN_EMAILS = {"LoginRequest", "ForgotPasswordRequest"}


def test_every_new_email_has_one_rule() -> None:
    found = {
        message: descriptors.rules_of(field)
        for method in METHODS
        for message in messages(descriptors.described(method.request).DESCRIPTOR)
        for field in message.fields
        if descriptors.rules_of(field).string.email
    }
    new = [rules for message, rules in found.items() if message.name not in KNOWN_EMAILS]
    assert len(new) >= 2
    assert {rules.SerializeToString() for rules in new} == {new[0].SerializeToString()}
    assert new[0].string.Extensions[predefined("local_part")]


def test_every_idempotency_key_has_one_rule() -> None:
    found = {
        field.full_name: descriptors.rules_of(field).SerializeToString()
        for method in METHODS
        for field in descriptors.described(method.request).DESCRIPTOR.fields
        if field.name == "request_id" and not descriptors.rules_of(field).string.uuid
    }
    assert len(found) >= 7
    assert len({*found.values()}) == 1, found
