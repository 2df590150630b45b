"""The words of each mail, as plain text and as HTML, from the templates beside this file."""

from decimal import Decimal
from email.message import EmailMessage
from functools import partial
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from server.kit.currencies import in_full
from server.kit.mail import Sender
from server.order.mail.rules import SHOWN_LINES_MAX, MailKind, MailRequest, shown_lines
from server.order.orders.rules import Order, spelled

_SUBJECTS = {
    MailKind.ORDER_RECEIVED: "We have received your order",
    MailKind.ORDER_PAID: "Your order is paid",
    MailKind.ORDER_SENT: "Your order is on its way",
    MailKind.ORDER_REFUNDED: "You get money back",
    MailKind.RETURN_RECEIVED: "We have received what you sent back",
}


class Letters:
    """Writes mails from `sender`, such as `Emporium <shop@example.com>`.

    Nothing that somebody chose about themselves is in a mail: no name, and no address of a buyer.
    Orders link to the shop's pages below `shop_url`, where there is one. Raises `SettingsError`.
    """

    def __init__(self, sender: str, shop_url: str) -> None:
        self._sender = Sender(sender)
        self._shop_url = shop_url.rstrip("/")
        self._templates = Environment(
            loader=PackageLoader("server.order.mail"),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def write(self, mail: MailRequest, order: Order, to: str) -> EmailMessage:
        """The mail about `order`, the same however often it is written."""
        message = self._sender.message(to, _SUBJECTS[mail.kind], mail.occurred_at, mail.id)
        lines = shown_lines(order, mail)
        figures = {
            "mail": mail,
            "order": order,
            "number": spelled(order.number),
            "lines": lines[:SHOWN_LINES_MAX],
            "more_lines": len(lines[SHOWN_LINES_MAX:]),
            "link": self._link(order),
            "money": partial(_money, currency=order.currency),
        }
        message.set_content(self._rendered(mail.kind, "txt", figures))
        message.add_alternative(self._rendered(mail.kind, "html", figures), subtype="html")
        return message

    def _rendered(self, kind: MailKind, form: str, figures: dict[str, object]) -> str:
        return self._templates.get_template(f"{kind.lower()}.{form}").render(figures)

    def _link(self, order: Order) -> str:
        if urlsplit(self._shop_url).netloc:
            return f"{self._shop_url}/orders/{order.id}"
        return ""


def _money(amount: Decimal, currency: str) -> str:
    return f"{in_full(amount, currency):f} {currency}"
