"""What customers are written about their orders: each mail once, to those who can be written to."""

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
import pytest_asyncio

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1 import payment_service_pb2 as payment_pb
from emporium.order.v1 import return_service_pb2 as return_pb
from server.kit.outbox import Away, Event
from server.kit.outbox.deliveries import to_event
from server.kit.postgres import Pool
from server.kit.wire import timestamp
from server.order.app.mail import mail_destination
from server.order.events.mails import mail_of
from server.order.mail.sending import MailDestination
from server.order.mail.store.sent import PostgresSentMails
from server.order.neighbours import Buyer
from server.order.orders.store.orders import PostgresOrderStore
from server.settings import Mail
from tests.server.kit.mail.smtp_server import Inbox, receiving
from tests.server.order.conftest import FakeUsers
from tests.server.order.doors import Door, item, new_product, order_of, refund, update

NAME = '<b>Mug</b> & "saucer"'


@pytest_asyncio.fixture
async def inbox() -> AsyncIterator[Inbox]:
    inbox = Inbox()
    async with receiving(inbox):
        yield inbox


@pytest.fixture
def destination(
    order_pool: Pool, orders: PostgresOrderStore, users: FakeUsers, inbox: Inbox
) -> MailDestination:
    settings = Mail(
        smtp_url=f"smtp://127.0.0.1:{inbox.port}",
        smtp_starttls=False,
        shop_url="https://shop.example/",
    )
    return mail_destination(order_pool, orders, users, settings)


def known(users: FakeUsers, buyer: Door, *, verified: bool = True) -> str:
    """Has the user service know `buyer`; gives the e-mail."""
    email = f"{uuid.uuid4().hex}@mail.example"
    users.buyers[buyer.user_id] = Buyer(buyer.user_id, email, "Ann <script>", verified)
    return email


async def events_of(pool: Pool, order: pb.Order) -> Sequence[Event]:
    """What waits in the outbox and asks for mails about `order`."""
    events = [to_event(row) for row in await pool.fetch("SELECT * FROM outbox ORDER BY id")]
    return [each for each in events if (mail := mail_of(each)) and mail.order_id == order.id]


async def bought(buyer: Door, staff: Door, **fields: object) -> pb.Order:
    product = await staff("CreateProduct", new_product(name=NAME, unit_price="2.55"))
    order: pb.Order = await buyer("CreateOrder", order_of(item(product, 3), **fields))
    return order


async def lived(order: pb.Order, staff: Door) -> None:
    """The order is paid, sent, and a part of it is given back."""
    for status in (pb.Order.PAID, pb.Order.SHIPPED):
        await staff("UpdateOrder", update(order, status=status))
    found = await staff("ListPayments", payment_pb.ListPaymentsRequest(order_id=order.id))
    await staff("RefundPayment", refund(found.payments[0], amount="1.05"))


async def came_back(order: pb.Order, buyer: Door, staff: Door) -> None:
    """Two pieces of the order, once it has arrived, of which the shop takes both."""
    await staff("UpdateOrder", update(order, status=pb.Order.DELIVERED))
    asked = return_pb.CreateReturnRequest(order_id=order.id, reason=return_pb.Return.UNWANTED)
    asked.items.add(position=1, quantity=2)
    returned = await buyer("CreateReturn", asked)
    moved = return_pb.UpdateReturnRequest(return_id=returned.id, status=return_pb.Return.APPROVED)
    await staff("UpdateReturn", moved)
    moved.status = return_pb.Return.RECEIVED
    moved.items.add(position=1, accepted_quantity=2)
    await staff("UpdateReturn", moved)


def words(mail: EmailMessage, form: str) -> str:
    part = mail.get_body((form,))
    assert part is not None
    return str(part.get_content())


async def test_a_customer_is_written_what_becomes_of_an_order(
    ann: Door,
    staff: Door,
    users: FakeUsers,
    order_pool: Pool,
    destination: MailDestination,
    inbox: Inbox,
) -> None:
    email = known(users, ann)
    order = await bought(ann, staff)
    await lived(order, staff)
    await came_back(order, ann, staff)
    await destination.send(await events_of(order_pool, order))
    mails = [await inbox.next() for _ in range(5)]
    assert [mail["Subject"] for mail in mails] == [
        "We have received your order",
        "Your order is paid",
        "Your order is on its way",
        "You get money back",
        "We have received what you sent back",
    ]
    assert f"2 x {NAME}: 5.10 GBP" in words(mails.pop(), "plain")
    for mail in mails:
        assert mail["To"] == email
        text, html = words(mail, "plain"), words(mail, "html")
        assert f"3 x {NAME}: 7.65 GBP" in text
        assert "&lt;b&gt;Mug&lt;/b&gt; &amp; &#34;saucer&#34;" in html
        assert "<b>" not in html
        assert "script" not in text + html  # what people choose about themselves is in no mail
        assert f"Order {order.number}" in text
        assert f"https://shop.example/orders/{order.id}" in text
        assert f'href="https://shop.example/orders/{order.id}"' in html
    assert "Total: 7.65 GBP" in words(mails[0], "plain")
    assert "1.05 GBP back" in words(mails[3], "plain")
    assert inbox.mails.empty()


async def test_a_mail_is_sent_once_however_often_its_event_comes(
    ann: Door,
    staff: Door,
    users: FakeUsers,
    order_pool: Pool,
    destination: MailDestination,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(users, ann)
    events = await events_of(order_pool, await bought(ann, staff))
    for _ in range(3):
        await destination.send([*events, *events])
    first = await inbox.next()
    assert inbox.mails.empty()

    # The control, which is also what a process leaves that dies before it has kept it: the same
    # mail again, by its Message-ID.
    async def none(store: object, mail_ids: object) -> set[str]:
        return set()

    monkeypatch.setattr(PostgresSentMails, "among", none)
    await destination.send(events)
    assert (await inbox.next())["Message-ID"] == first["Message-ID"]


@pytest.mark.parametrize("why", ["unverified", "erased", "deleted", "historical"])
async def test_who_cannot_be_written_to_is_not(
    ann: Door,
    staff: Door,
    users: FakeUsers,
    order_pool: Pool,
    destination: MailDestination,
    inbox: Inbox,
    why: str,
) -> None:
    if why != "erased":
        known(users, ann, verified=why != "unverified")
    past = timestamp(datetime.now(UTC) - timedelta(days=400))
    if why == "historical":
        order = await bought(staff, staff, user_id=ann.user_id, order_date=past)
    else:
        order = await bought(ann, staff)
    events = await events_of(order_pool, order)
    assert events
    if why == "deleted":
        await ann("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id))
    await destination.send(events)
    assert inbox.mails.empty()


async def test_without_the_user_service_mails_wait(
    ann: Door,
    staff: Door,
    users: FakeUsers,
    order_pool: Pool,
    destination: MailDestination,
    inbox: Inbox,
) -> None:
    known(users, ann)
    events = await events_of(order_pool, await bought(ann, staff))
    users.is_away = True
    with pytest.raises(Away):
        await destination.send(events)
    users.is_away = False
    await destination.send(events)
    assert await inbox.next()


async def test_of_a_long_order_the_first_lines_are_shown(
    ann: Door,
    staff: Door,
    users: FakeUsers,
    order_pool: Pool,
    destination: MailDestination,
    inbox: Inbox,
) -> None:
    known(users, ann)
    product = await staff("CreateProduct", new_product(unit_price="1.00"))
    order = await ann("CreateOrder", order_of(*[item(product) for _ in range(60)]))
    await destination.send(await events_of(order_pool, order))
    text = words(await inbox.next(), "plain")
    assert text.count(": 1.00 GBP") == 50
    assert "and 10 more" in text
    assert "Total: 60.00 GBP" in text
