"""What mails to customers are sent with."""

from server.kit.mail import mailer_of
from server.kit.postgres import Pool
from server.order.events.mails import mail_of, no_mail
from server.order.mail.letters import Letters
from server.order.mail.sending import MailDestination
from server.order.mail.store.sent import PostgresSentMails
from server.order.neighbours import Users
from server.order.orders.store import OrderStore
from server.settings import Mail


def mail_destination(
    pool: Pool, orders: OrderStore, users: Users, settings: Mail
) -> MailDestination:
    """What sends the mails that the events in the outbox of `pool` ask for, if the shop sends any.

    Otherwise they are taken all the same, so that none waits for the day when it does.
    """
    letters = Letters(settings.mail_from, settings.shop_url)
    sent = PostgresSentMails(pool)
    decode = mail_of if settings.order_mails else no_mail
    return MailDestination(orders, users, sent, mailer_of(settings), letters, decode)
