"""What customers do, for locust: look around, order, pay, watch and read their orders; some are new
and sign up.

The Python that has locust runs it, and has none of our packages: only what needs none is imported.
"""

import itertools
import json
import random
import time
import uuid
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from locust import FastHttpUser, events

from tests.campaign.crowd import PASSWORD
from tests.campaign.crowd.turns import Turns

_RENEWED_SECONDS = 60  # before a token ends


class Unanswered(Exception):
    """A call had no good answer; locust has counted it."""


class Crowd:
    """What its customers share."""

    def __init__(self, options: Any) -> None:
        accounts = json.loads(Path(options.accounts).read_text(encoding="utf-8"))
        self.accounts = enumerate(accounts)
        self.seed = options.seed
        self.every = options.every
        self.newcomers = itertools.count()
        self.sign_ups = Turns(options.newcomers_a_second)
        self.log_ins = Turns(options.newcomers_a_second)


class Customer(FastHttpUser):  # type: ignore[misc]  # mypy does not see locust
    """Makes a call whenever it is due, one after the other."""

    crowd: Crowd

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        number, self.account = next(self.crowd.accounts)
        self.random = random.Random(f"{self.crowd.seed} {number}")
        self.calls = self.life()
        self.due = time.monotonic() + self.random.uniform(0, self.crowd.every)

    def on_start(self) -> None:
        """Users do not come in step: each begins at a moment of its own."""
        time.sleep(max(0, self.due - time.monotonic()))

    def wait_time(self) -> float:
        """Seconds until the next call is due. One that is late is made at once."""
        now = time.monotonic()
        self.due = max(self.due + self.crowd.every, now)
        return self.due - now

    def call(self) -> None:
        """The next one; now and then of somebody new, who goes on in this one's place.

        After one without a good answer, the customer begins anew.
        """
        if self.account and self.crowd.sign_ups.is_free(time.monotonic()):
            self.calls = itertools.chain(self.joining(), self.life())
        try:
            next(self.calls)
        except Unanswered:
            self.calls = self.life()

    def life(self) -> Iterator[None]:
        """All calls of a customer: one before each `yield`."""
        while True:
            listed = self.ask("GET", "/products?per_page=20", "list products")["products"]
            yield
            for _ in range(self.random.randint(1, 5)):
                product = self.random.choice(listed)["id"]
                self.ask("GET", f"/products/{product}", "read a product")
                yield
            line = {"product_id": product, "quantity": self.random.randint(1, 3)}
            order = self.ask("POST", "/orders", "place an order", {"items": [line]})["id"]
            yield
            paying = {"provider_token": "tok_approved"}
            self.ask("POST", f"/orders/{order}/payments", "pay an order", paying)
            yield
            self.watch(order)
            yield
            self.ask("GET", "/orders?per_page=10", "list orders")
            yield
            self.ask("GET", f"/orders/{order}", "read an order")
            yield

    def joining(self) -> Iterator[None]:
        """A sign-up, and a login when its turn comes."""
        self.crowd.sign_ups.take(time.monotonic())
        self.account = {}
        email = f"newcomer{next(self.crowd.newcomers)}@crowd.example"
        person = {"email": email, "full_name": "New Comer", "password": PASSWORD}
        self.ask("POST", "/users", "sign up", person)
        yield
        time.sleep(self.crowd.log_ins.take(time.monotonic()))
        login = {"email": email, "password": PASSWORD}
        self.keep(self.ask("POST", "/auth/login", "log in", login))
        yield

    def ask(self, verb: str, path: str, name: str, body: Any = None) -> Any:
        """The data of a good answer. Raises `Unanswered`."""
        headers = self.signed()
        if verb == "POST":
            headers["Idempotency-Key"] = str(uuid.UUID(int=self.random.getrandbits(128)))
        return self.data(verb, path, name, json=body, headers=headers)

    def watch(self, order: str) -> None:
        """Opens a stream of what becomes of the order, and leaves with its first event."""
        headers = self.signed() | {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        path, name = f"/api/v1/orders/{order}:watch", "watch an order"
        answer = self.client.request("GET", path, name=name, headers=headers, stream=True)
        if answer.status_code != 200:
            raise Unanswered
        line = b":"  # what is read of an answer that goes on; with the answer its connection goes
        while line and not line.startswith(b"data:"):
            line = answer._response.readline(b"\n")
        if not line:
            ended = Unanswered("the stream ended without an event")
            told = {"response_time": 0, "response_length": 0, "exception": ended, "context": {}}
            self.environment.events.request.fire(request_type="GET", name=name, **told)
            raise ended

    def signed(self) -> dict[str, str]:
        """The header of who is signed in; none of somebody new."""
        if not self.account:
            return {}
        self.renew()
        return {"Authorization": f"Bearer {self.account['access_token']}"}

    def renew(self) -> None:
        """Gets the next token before this one ends."""
        if time.time() > self.account["until"] - _RENEWED_SECONDS:
            token = {"refresh_token": self.account["refresh_token"]}
            self.keep(self.data("POST", "/auth/refresh", "renew a token", json=token))

    def keep(self, tokens: Any) -> None:
        """From now on calls are made with these."""
        self.account = tokens | {"until": time.time() + tokens["expires_in"]}

    def data(self, verb: str, path: str, name: str, **options: Any) -> Any:
        """One call."""
        answer = self.client.request(verb, f"/api/v1{path}", name=name, **options)
        if not 200 <= answer.status_code < 300:
            raise Unanswered
        return answer.json()["data"]

    tasks = (call,)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--accounts", help="a file of those who are signed in")
    parser.add_argument("--seed", help="of all chance")
    parser.add_argument("--every", type=float, help="seconds from a customer's call to the next")
    parser.add_argument("--newcomers-a-second", type=float, help="who sign up, and then log in")


def _begin(environment: Any, **_: Any) -> None:
    Customer.crowd = Crowd(environment.parsed_options)


events.init_command_line_parser.add_listener(_add_arguments)
events.init.add_listener(_begin)
