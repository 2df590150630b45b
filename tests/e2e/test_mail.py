"""Mails from the call that asks for them to the mailbox, with nothing but what `up` starts."""

import asyncio
import re
import sys
from pathlib import Path

import httpx

from server.local.cluster import Cluster
from server.local.home import mailbox
from tests.e2e.conftest import Rest, error_of, new_email, prove, violated_fields
from tests.waiting import until

PASSWORD = "correct horse"
NEW = "another ho\u0308rse" * 5  # 75 bytes, and 70 of them when it is normalised


async def emporium(cluster: Cluster, *arguments: str) -> str:
    """What the command says about the cluster's home."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", *arguments, "--home", str(cluster.home.directory)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


def token_in(text: str) -> str:
    [token] = re.findall(r"^Token: (\S+)\r?$", text, re.MULTILINE)
    return str(token)


def mails_to(home: Path, email: str) -> list[mailbox.StoredMail]:
    found = mailbox.listed(mailbox.folder(home))
    return [mail for mail in found if mail.message["To"] == email]


async def mailed(cluster: Cluster, email: str, count: int) -> list[mailbox.StoredMail]:
    """The mails to an address, the newest first, once there are so many."""
    home = cluster.home.directory

    async def have_come() -> bool:
        return len(mails_to(home, email)) >= count

    await until(have_come)
    return mails_to(home, email)


async def test_a_forgotten_password_is_set_anew_by_what_the_mail_says(
    cluster: Cluster, anyone: Rest, admin: Rest
) -> None:
    email = new_email()
    person = {"email": email, "full_name": "Ann", "password": PASSWORD}
    await admin.data("POST", "/users", person)

    answers = [
        await anyone("POST", "/auth/password:forgot", {"email": each})
        for each in (email, new_email())
    ]
    assert [(each.status_code, each.json()["data"]) for each in answers] == [(202, {})] * 2
    mail, opened = await mailed(cluster, email, 2)
    assert opened.message["Subject"] == "An account was opened for you"
    assert mail.id in await emporium(cluster, "mail")
    shown = await emporium(cluster, "mail", "show", mail.id)
    assert f"\nTo: {email}\nSubject: Set a new password\n" in shown
    token = token_in(shown)

    reset = {"token": token, "password": NEW}
    await anyone.data("POST", "/auth/password:reset", reset)
    await anyone.data("POST", "/auth/login", {"email": email, "password": NEW})
    error_of(await anyone("POST", "/auth/login", {"email": email, "password": PASSWORD}), 401)
    again = error_of(await anyone("POST", "/auth/password:reset", reset), 422)
    assert (again["code"], violated_fields(again)) == ("ONE_TIME_TOKEN_INVALID", {"token"})

    newest, *_ = await mailed(cluster, email, 3)
    assert "Subject: Your password was changed" in await emporium(
        cluster, "mail", "show", newest.id
    )
    logs = "".join(log.read_text(errors="replace") for log in cluster.home.logs.iterdir())
    assert email not in logs
    assert token not in logs


async def test_who_signs_up_is_given_a_role_once_a_mailed_link_has_set_the_password(
    cluster: Cluster, anyone: Rest, admin: Rest
) -> None:
    email = new_email()
    person = {"email": email, "full_name": "Ann", "password": PASSWORD}
    user = await anyone.data("POST", "/users", person)
    assert user["email_verified"] is False
    path, role = f"/users/{user['id']}", {"role": "STAFF"}
    [mail] = await mailed(cluster, email, 1)
    token = token_in(str(mail.message.get_content()))
    await anyone.data("POST", "/auth/email:verify", {"token": token})
    again = await anyone("POST", "/auth/email:verify", {"token": token})
    assert error_of(again, 422)["code"] == "ONE_TIME_TOKEN_INVALID"
    refused = error_of(await admin("PATCH", path, role), 409)
    assert (refused["code"], violated_fields(refused)) == ("EMAIL_NOT_VERIFIED", {"role"})

    await anyone.data("POST", "/auth/password:forgot", {"email": email})
    mail, _ = await mailed(cluster, email, 2)
    reset = {"token": token_in(str(mail.message.get_content())), "password": NEW}
    await anyone.data("POST", "/auth/password:reset", reset)
    assert (await admin.data("PATCH", path, role))["role"] == "STAFF"


async def test_whom_staff_open_an_account_for_makes_a_key_once_the_password_is_their_own(
    cluster: Cluster, http: httpx.AsyncClient, anyone: Rest, admin: Rest
) -> None:
    email, key = new_email(), {"name": "ERP", "scopes": ["orders.read"]}
    await admin.data("POST", "/users", {"email": email, "full_name": "Ann", "password": PASSWORD})
    login = await anyone.data("POST", "/auth/login", {"email": email, "password": PASSWORD})
    knowing = Rest(http, login["access_token"])
    refused = error_of(await knowing("POST", "/auth/api-keys", key), 409)
    assert refused["code"] == "EMAIL_NOT_VERIFIED"

    [mail] = await mailed(cluster, email, 1)
    token = token_in(str(mail.message.get_content()))
    await anyone.data("POST", "/auth/password:reset", {"token": token, "password": NEW})
    login = await anyone.data("POST", "/auth/login", {"email": email, "password": NEW})
    made = await Rest(http, login["access_token"]).data("POST", "/auth/api-keys", key)
    assert made["secret"]


async def test_a_changed_password_ends_the_links_that_somebody_else_had_asked_for(
    cluster: Cluster, http: httpx.AsyncClient, anyone: Rest, admin: Rest
) -> None:
    email, stolen = new_email(), new_email()
    await admin.data("POST", "/users", {"email": email, "full_name": "Ann", "password": PASSWORD})
    login = await anyone.data("POST", "/auth/login", {"email": email, "password": PASSWORD})
    owner = Rest(http, login["access_token"])
    await owner.data("PATCH", f"/users/{login['user']['id']}", {"email": stolen})
    [mail] = await mailed(cluster, stolen, 1)
    token = token_in(str(mail.message.get_content()))

    change = {"current_password": PASSWORD, "password": NEW}
    assert (await owner("POST", "/auth/password", change)).is_success
    used = await anyone("POST", "/auth/email:verify", {"token": token})
    assert error_of(used, 422)["code"] == "ONE_TIME_TOKEN_INVALID"
    await anyone.data("POST", "/auth/login", {"email": email, "password": NEW})


async def test_a_key_is_told_by_mail_and_too_many_new_addresses_are_refused_in_time(
    cluster: Cluster, http: httpx.AsyncClient, anyone: Rest
) -> None:
    email = new_email()
    await anyone.data("POST", "/users", {"email": email, "full_name": "Ann", "password": PASSWORD})
    login = await anyone.data("POST", "/auth/login", {"email": email, "password": PASSWORD})
    owner, path = Rest(http, login["access_token"]), f"/users/{login['user']['id']}"
    await prove(cluster.home, login["user"]["id"])
    await owner.data("POST", "/auth/api-keys", {"name": "ERP", "scopes": ["orders.read"]})
    mail, _ = await mailed(cluster, email, 2)  # the other has the link that verifies the e-mail
    assert mail.message["Subject"] == "An API key was made"
    assert 'An API key called "ERP" was made' in str(mail.message.get_content())

    addresses = [new_email() for _ in range(5)]
    for address in addresses:
        await owner.data("PATCH", path, {"email": address})
    refused = await owner("PATCH", path, {"email": new_email()})
    assert error_of(refused, 429)["code"] == "RATE_LIMITED"
    assert 3_000 < int(refused.headers["retry-after"]) <= 3_600
    [last] = await mailed(cluster, addresses[-1], 1)
    assert "This works once, for 24 hours." in str(last.message.get_content())


async def test_a_customer_is_written_what_becomes_of_an_order(
    cluster: Cluster, anyone: Rest, admin: Rest, staff: Rest
) -> None:
    email = new_email()
    person = {"email": email, "full_name": "Ann", "password": PASSWORD}
    ann = await admin.data("POST", "/users", person)
    mug = {"sku": f"MUG-{ann['id']}", "name": "Mug & saucer", "unit_price": "2.55"}
    product = await staff.data("POST", "/products", mug)
    items = [{"product_id": product["id"], "quantity": 2}]
    order = await staff.data("POST", "/orders", {"user_id": ann["id"], "items": items})
    await staff.data("PATCH", f"/orders/{order['id']}", {"status": "PAID"})
    paid, received, _ = await mailed(cluster, email, 3)
    assert received.message["Subject"] == "We have received your order"
    assert paid.message["Subject"] == "Your order is paid"
    shown = await emporium(cluster, "mail", "show", paid.id)
    assert "2 x Mug & saucer: 5.10 GBP" in shown
    assert "Total: 5.10 GBP" in shown
