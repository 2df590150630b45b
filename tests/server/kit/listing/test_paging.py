"""Page tokens and sorts: what callers send, and what becomes of it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit import errors
from server.kit.listing.paging import (
    PER_PAGE_DEFAULT,
    After,
    Page,
    PageQuery,
    Sort,
    Total,
    page_meta,
    page_query,
    sort_value,
)
from server.kit.listing.tokens import PageTokens, Place
from tests.server.tokens import TOKENS
from tests.spellings import other_spellings

SORTABLE = ("created_at", "email")
DEFAULT = Sort("created_at", descending=True)


@dataclass
class Request:
    """A list request, as far as paging reads it."""

    page: int = 0
    per_page: int = 0
    page_token: str = ""
    sort: str = ""


def read(filters: object = None, **fields: Any) -> PageQuery:
    request = Request(**fields)
    return page_query(request, TOKENS, sortable=SORTABLE, default=DEFAULT, filters=filters)


def token_after(query: PageQuery, value: str = "v", row_id: str = "id", total: int = 7) -> str:
    page: Page[str] = Page([], Total(total, is_estimate=False), After(value, row_id))
    return page_meta(query, page).next_page_token


def test_nothing_asked_for_is_the_first_page_of_the_default_order() -> None:
    query = read()
    assert (query.sort, query.per_page, query.page, query.offset) == (
        DEFAULT,
        PER_PAGE_DEFAULT,
        1,
        0,
    )


def test_a_page_number_skips() -> None:
    assert read(page=3, per_page=10).offset == 20


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("email", Sort("email", descending=False)),
        ("email:asc", Sort("email", descending=False)),
        ("email:desc", Sort("email", descending=True)),
    ],
)
def test_a_sort_is_a_field_and_a_direction(text: str, sort: Sort) -> None:
    assert read(sort=text).sort == sort


@pytest.mark.parametrize("text", ["shoe_size", "email:up", "email:DESC", ":desc", "id; DROP"])
def test_any_other_sort_is_refused(text: str) -> None:
    with pytest.raises(errors.UnknownSortField) as refused:
        read(sort=text)
    assert refused.value.violations[0].field == "sort"


def test_a_token_goes_on_where_the_page_ended() -> None:
    token = token_after(read(sort="email", per_page=5), "ann@example.com", "id-1", total=70)
    query = read(sort="email", per_page=5, page_token=token)
    assert query.after == After("ann@example.com", "id-1")
    assert (query.page, query.offset, query.total) == (2, 0, Total(70, is_estimate=False))


def test_the_last_page_has_no_token() -> None:
    meta = page_meta(read(), Page([], Total(3, is_estimate=True), None))
    assert (meta.next_page_token, meta.total, meta.total_is_estimate) == ("", 3, True)


@pytest.mark.parametrize(
    "fields", [{"sort": "email"}, {"sort": "created_at:asc"}, {"filters": "other"}]
)
def test_a_token_of_another_list_is_refused(fields: dict[str, str]) -> None:
    token = token_after(read(filters="these"))
    with pytest.raises(errors.InvalidPageToken):
        read(**{"filters": "these", "page_token": token, **fields})


def test_a_token_and_a_page_contradict_each_other() -> None:
    with pytest.raises(errors.Invalid) as refused:
        read(page=2, page_token=token_after(read()))
    assert refused.value.violations[0].field == "page"


@pytest.mark.parametrize("text", ["x", "====", "not base64 at all!", "é", "AAAA", "A" * 1536])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidPageToken):
        read(page_token=text)


def test_a_token_that_somebody_else_signed_is_refused() -> None:
    place = Place("created_at", True, read().filters, "v", "id", 2, 7, False)
    assert read(page_token=TOKENS.write(place)).page == 2
    with pytest.raises(errors.InvalidPageToken):
        read(page_token=PageTokens(b"another secret").write(place))


def test_a_token_changed_at_any_place_is_refused() -> None:
    token = token_after(read())
    for at, character in enumerate(token):
        changed = token[:at] + ("A" if character != "A" else "B") + token[at + 1 :]
        with pytest.raises(errors.InvalidPageToken):
            read(page_token=changed)


def test_another_spelling_of_a_token_is_refused() -> None:
    for spelling in other_spellings(token_after(read())).values():
        with pytest.raises(errors.InvalidPageToken):
            read(page_token=spelling)


def test_tokens_are_never_signed_with_nothing() -> None:
    with pytest.raises(ValueError, match="secret"):
        PageTokens(b"")


@given(st.text())
def test_no_text_is_a_defect(text: str) -> None:
    with suppress(errors.InvalidPageToken):
        read(page_token=text)


@given(value=st.text(), row_id=st.text(), total=st.integers(0, 2**31 - 1), sort=st.booleans())
def test_every_row_makes_a_token_that_finds_it_again(
    value: str, row_id: str, total: int, sort: bool
) -> None:
    fields = {"sort": "email:desc"} if sort else {}
    query = read(**fields)
    again = read(page_token=token_after(query, value, row_id, total), **fields)
    assert again.after == After(value, row_id)
    assert again.total == Total(total, is_estimate=False)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_survives_a_token(at: datetime) -> None:
    assert sort_value(datetime, at.isoformat()) == at


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_money_survives_a_token(amount: Decimal) -> None:
    assert sort_value(Decimal, str(amount)) == amount


@pytest.mark.parametrize(
    ("kind", "text"), [(datetime, "soon"), (Decimal, "much"), (int, "1.5"), (int, "9" * 5000)]
)
def test_a_token_of_another_type_is_refused(kind: type, text: str) -> None:
    with pytest.raises(errors.InvalidPageToken):
        sort_value(kind, text)


def test_a_page_keeps_its_place_when_its_rows_are_read() -> None:
    page = Page(["1", "2"], Total(7, is_estimate=False), After("v", "2"))
    assert page.with_rows([1, 2]) == Page([1, 2], page.total, page.next_after)
