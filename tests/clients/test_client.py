"""The client as a whole: signing in, several servers, and what it exports."""

import asyncio
from collections import Counter
from textwrap import dedent
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

import emporium
from emporium import Emporium, LoginResponse, Order, Product, Targets, Unauthenticated
from emporium.order.v1.catalog_service_pb2 import ListProductsResponse
from emporium.order.v1.order_service_pb2 import ListOrdersResponse
from emporium.user.v1 import user_service_pb2
from emporium.user.v1.email_link_service_pb2 import ResetPasswordResponse
from tests.clients.fake_shop import FakeShop, answer, open_shop, refuse

ID = "01900000-0000-7000-8000-000000000000"


async def test_signing_in_is_done_without_a_token_and_gives_one(server: FakeShop) -> None:
    server.will("Login", answer(LoginResponse(access_token="fresh", expires_in=600)))
    async with Emporium(server.address, token="expired") as shop:
        response = await shop.auth.login("ann@example.com", "secret")
        assert "authorization" not in server.last.metadata
        assert (server.last.request.email, server.last.request.password) == (
            "ann@example.com",
            "secret",
        )

        await shop.orders.get(ID)

        assert response.expires_in == 600
        assert shop.token == "fresh"
        assert server.last.metadata["authorization"] == "Bearer fresh"


async def test_a_login_sends_what_the_one_before_said_of_the_device(server: FakeShop) -> None:
    async with Emporium(server.address) as shop:
        server.will("Login", answer(LoginResponse(access_token="a", device_token="first")))
        await shop.auth.login("ann@example.com", "secret", device_token="kept")
        assert server.last.request.device_token == "kept"
        assert shop.auth.device_token == "first"
        await shop.auth.logout()

        server.will("Refresh", answer(LoginResponse(access_token="b")))
        await shop.auth.refresh("a refresh token")
        server.will("Login", answer(LoginResponse(access_token="c", device_token="second")))
        await shop.auth.login("ann@example.com", "secret")
        assert server.last.request.device_token == "first"
        assert shop.auth.device_token == "second"

        server.will("ResetPassword", answer(ResetPasswordResponse(device_token="third")))
        await shop.auth.reset_password("token", "another secret")
        assert shop.auth.device_token == "third"


async def test_a_login_sends_the_second_factor_that_it_is_given(server: FakeShop) -> None:
    async with Emporium(server.address) as shop:
        for totp, recovery in (("123456", None), (None, "abcd")):
            server.will("Login", answer(LoginResponse(access_token="a")))
            await shop.auth.login(
                "ann@example.com", "secret", totp_code=totp, recovery_code=recovery
            )
            sent = server.last.request
            assert (sent.totp_code, sent.recovery_code) == (totp or "", recovery or "")
        server.will("Login", answer(LoginResponse(access_token="a")))
        await shop.auth.login("ann@example.com", "secret")
        assert server.last.request.WhichOneof("second_factor") is None
        with pytest.raises(ValueError, match="not both"):
            await shop.auth.login("a@b.c", "secret", totp_code="123456", recovery_code="abcd")


async def test_a_failed_login_leaves_the_token_as_it_was(server: FakeShop) -> None:
    details = [ErrorInfo(reason="BAD_CREDENTIALS")]
    server.will("Login", refuse(grpc.StatusCode.UNAUTHENTICATED, "wrong", details))
    async with Emporium(server.address, token="mine") as shop:
        with pytest.raises(Unauthenticated) as raised:
            await shop.auth.login("ann@example.com", "wrong")

        assert raised.value.reason == "BAD_CREDENTIALS"
        assert shop.token == "mine"


async def test_a_supplier_of_tokens_may_sign_in_with_the_same_client(server: FakeShop) -> None:
    server.will("Login", answer(LoginResponse(access_token="fresh")))

    async def sign_in() -> str:
        return (await shop.auth.login("ann@example.com", "secret")).access_token

    async with Emporium(server.address, token=sign_in) as shop:
        await shop.users.get(ID)

        assert shop.token is sign_in
        assert server.last.metadata["authorization"] == "Bearer fresh"


async def test_services_are_called_directly_when_each_has_an_address() -> None:
    async with open_shop() as user, open_shop() as order, open_shop() as analytics:
        targets = Targets(user=user.address, order=order.address, analytics=analytics.address)
        async with Emporium(targets) as shop:
            await shop.users.get(ID)
            await shop.products.get(ID)
            await shop.orders.get(ID)
            await shop.events.record("product.viewed")
            await shop.reports.sales()

        assert [call.rpc for call in user.served] == ["GetUser"]
        assert [call.rpc for call in order.served] == ["GetProduct", "GetOrder"]
        assert [call.rpc for call in analytics.served] == ["RecordEvent", "GetSalesReport"]


async def test_a_service_without_an_address_cannot_be_called(server: FakeShop) -> None:
    async with Emporium({"user": server.address}) as shop:
        await shop.users.get(ID)
        with pytest.raises(LookupError, match="order service"):
            _ = shop.orders


async def test_calls_take_turns_between_servers() -> None:
    async with open_shop() as one, open_shop() as other:
        async with Emporium(f"ipv4:{one.address},{other.address}") as shop:
            await shop.users.get(ID)
            while not (one.served and other.served):  # Until both are connected.
                await shop.users.get(ID)
            one.served.clear()
            other.served.clear()

            await asyncio.gather(*(shop.users.get(ID) for _ in range(20)))

        assert (len(one.served), len(other.served)) == (10, 10)


async def test_when_a_server_goes_the_calls_go_to_the_other() -> None:
    async with open_shop() as staying:
        async with open_shop() as leaving:
            shop = Emporium(f"ipv4:{leaving.address},{staying.address}")
            while not leaving.served:
                await shop.users.get(ID)
        staying.served.clear()

        await asyncio.gather(*(shop.users.get(ID) for _ in range(20)))
        await shop.close()

        assert Counter(call.rpc for call in staying.served) == {"GetUser": 20}


async def test_a_client_for_tls_does_not_speak_to_a_server_without(server: FakeShop) -> None:
    async with Emporium(f"https://{server.address}", token="secret") as shop:
        with pytest.raises((emporium.Unavailable, emporium.DeadlineExceeded)):
            await shop.users.update(ID, age=40, timeout_seconds=1)

    assert server.served == []


async def test_the_example_in_the_docstring_runs(
    server: FakeShop, capsys: pytest.CaptureFixture[str]
) -> None:
    server.will("Login", answer(emporium.LoginResponse(access_token="a-token")))
    server.will("ListProducts", answer(ListProductsResponse(products=[Product(id=ID)])))
    server.will("CreateOrder", answer(Order(total_price="5.10", currency="GBP")))
    server.will("ListOrders", answer(ListOrdersResponse(orders=[Order(id=ID)])))
    details = [ErrorInfo(reason="ORDER_NOT_FOUND")]
    server.will("GetOrder", refuse(grpc.StatusCode.NOT_FOUND, "gone", details))
    example = "\n".join(
        line for line in str(emporium.__doc__).split("\n") if line.startswith("    ")
    )
    example = dedent(example).replace("localhost:8080", server.address)
    names: dict[str, Any] = {}

    exec(example.replace("asyncio.run(main())", ""), names)
    await names["main"]()

    printed = capsys.readouterr().out.split("\n")
    assert printed[:2] == ["5.10 GBP", f"{ID} 1970-01-01 00:00:00"]
    assert printed[2].startswith("ORDER_NOT_FOUND ")


def test_a_client_outside_of_an_event_loop_is_refused() -> None:
    with pytest.raises(RuntimeError, match="event loop"):
        Emporium("localhost:8080")


def test_the_exported_names_are_a_promise() -> None:
    assert " ".join(emporium.__all__) == (
        "UNSET Address AlreadyExists AuditEvent Cancelled Cart CartItem CartProblem Category "
        "Conflict CreatedCart DeadlineExceeded DomainEvent Emporium EmporiumError Erasure "
        "ErasureReceipt ErrorReason Event ExportUserResponse ExportedPart InternalError "
        "InvalidRequest Listing LoginResponse Moment Money NotFound Order OrderItem OrderLine "
        "OrderUser Outdated Page PageMeta Payment PermissionDenied PriceBreak PriceBreaks "
        "Product Promotion Quote RateLimited Return Role SalesReport SavedAddress Session "
        "Shipment ShippingMethod Stock StockMovement Targets TaxRate Tls Token TooLarge "
        "TrackingEvent Unauthenticated Unavailable Unimplemented User Violation Webhook "
        "WebhookDelivery"
    )
    assert all(hasattr(emporium, name) for name in emporium.__all__)
    assert emporium.User is user_service_pb2.User
