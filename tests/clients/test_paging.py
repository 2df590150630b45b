"""Lists are fetched as they are read."""

import pytest
from grpc import StatusCode

from emporium import Emporium, InvalidRequest, PageMeta, User
from emporium.user.v1.user_service_pb2 import ListUsersResponse
from tests.clients.fake_shop import FakeShop, answer, refuse


def page(number: int, next_page_token: str) -> ListUsersResponse:
    """Two users, and where they stand."""
    return ListUsersResponse(
        users=[User(id=f"{number}a"), User(id=f"{number}b")],
        meta=PageMeta(page=number, per_page=2, total=6, next_page_token=next_page_token),
    )


@pytest.fixture
def server(server: FakeShop) -> FakeShop:
    """A shop with three pages of users."""
    return server.will(
        "ListUsers", answer(page(1, "to-2")), answer(page(2, "to-3")), answer(page(3, ""))
    )


def tokens(server: FakeShop) -> list[str]:
    """The page tokens that were sent."""
    return [call.request.page_token for call in server.served]


async def test_reading_a_list_fetches_each_page_when_it_is_needed(
    shop: Emporium, server: FakeShop
) -> None:
    fetched_by_then = {
        user.id: len(server.served) async for user in shop.users.list(status="active", per_page=2)
    }

    assert fetched_by_then == {"1a": 1, "1b": 1, "2a": 2, "2b": 2, "3a": 3, "3b": 3}
    assert tokens(server) == ["", "to-2", "to-3"]
    assert {call.request.status for call in server.served} == {"active"}
    assert {call.request.per_page for call in server.served} == {2}


async def test_stopping_early_fetches_no_more(shop: Emporium, server: FakeShop) -> None:
    async for user in shop.users.list():
        if user.id == "2a":
            break

    assert tokens(server) == ["", "to-2"]


async def test_a_list_that_nobody_reads_fetches_nothing(shop: Emporium, server: FakeShop) -> None:
    shop.users.list()

    assert server.served == []


async def test_pages_come_whole_with_where_they_stand(shop: Emporium, server: FakeShop) -> None:
    pages = [page async for page in shop.users.list().pages()]

    assert [page.meta.page for page in pages] == [1, 2, 3]
    assert [user.id for user in pages[1]] == ["2a", "2b"]
    assert len(server.served) == 3


async def test_the_first_page_is_one_call(shop: Emporium, server: FakeShop) -> None:
    first = await shop.users.list().first_page()

    assert len(first) == 2
    assert first.items[0].id == "1a"
    assert first.meta.total == 6
    assert first.meta.next_page_token == "to-2"
    assert len(server.served) == 1


async def test_one_may_begin_at_a_page_and_goes_on_by_token(
    shop: Emporium, server: FakeShop
) -> None:
    async for _ in shop.users.list(page=7):
        pass

    assert [call.request.page for call in server.served] == [7, 0, 0]
    assert tokens(server) == ["", "to-2", "to-3"]


async def test_one_may_go_on_where_another_stopped(shop: Emporium, server: FakeShop) -> None:
    await shop.users.list(page_token="a-token").first_page()

    assert tokens(server) == ["a-token"]


async def test_a_list_may_be_read_again(shop: Emporium, server: FakeShop) -> None:
    listing = shop.users.list()
    await listing.first_page()
    await listing.first_page()

    assert tokens(server) == ["", ""]


async def test_an_empty_list_has_one_empty_page(shop: Emporium) -> None:
    pages = [page async for page in shop.orders.list().pages()]

    assert [len(page) for page in pages] == [0]
    assert [order async for order in shop.orders.list()] == []


async def test_each_page_has_the_timeout_and_may_fail(shop: Emporium, server: FakeShop) -> None:
    server.will("ListProducts", refuse(StatusCode.INVALID_ARGUMENT, "sort: no such field"))

    with pytest.raises(InvalidRequest, match="no such field"):
        [_ async for _ in shop.products.list(sort="size:asc", timeout_seconds=3)]

    assert server.last.time_left == pytest.approx(3, abs=0.5)
