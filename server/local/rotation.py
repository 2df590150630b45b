"""Replaces the keys of a home in steps, while everything runs.

    announce    the next private key lies beside the one that signs; its public half is published
    await       the edge takes it, where it vouches for people: `until_taken`
    switch      it becomes the key that signs, by one rename
    retire      the public half of the one before gets an end, `exp`, at which services let go of it
                by themselves: nobody has to be there then

Whoever dies in between has refused no call and lost nothing. The next run goes on with the key that
was announced, and gives an end to every key that neither signs nor is announced. A key that has one
ends sooner only by a run that its name was given to.
"""

import fcntl
import http.client
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.kit import auth
from server.kit.auth import Signer
from server.kit.backoff import Backoff
from server.kit.context import Role
from server.local.engines import edge
from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.folder import Home, read_private, write_private
from server.local.process.surroundings import CHECKOUT

Key = dict[str, Any]

# Each on a connection of its own, because each of Envoy's threads learns of a key by itself.
TIMES_TAKEN = 8
TAKEN_TIMEOUT_SECONDS = 30.0
_WAITS = Backoff(first_seconds=0.02, seconds_max=1.0)
_PROBE_SECONDS = 60
_NUMBER = re.compile(r"\d+$")


class Rotating(LocalError):
    """Somebody else changes the keys of this home."""


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Keeps others out while the block runs. Raises `LocalError`, of which `Rotating` is one."""
    if not keys.are_made(home):
        raise LocalError(
            f"{home.keys} does not have every key",
            f"Make what is missing: emporium up --home {shlex.quote(str(home.directory))}",
        )
    with (home.keys / "lock").open("a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Rotating("keys are being rotated already", "Wait until that ends.") from error
        yield


def next_file(name: str, home: Home) -> Path:
    """The file of the key called `name` that is announced and does not sign yet."""
    return keys.file_of(name, home).with_suffix(".next.json")


def announce(names: Sequence[str], home: Home) -> list[Key]:
    """Publishes the next key of each of `names`; gives their private halves."""
    announced = []
    for name in names:
        if not next_file(name, home).exists():
            write_private(
                next_file(name, home), auth.new_key(f"{name}-{_number_after(name, home)}")
            )
        announced.append(read_private(next_file(name, home)))
    published = keys.public_keys(home)
    known = {key["kid"] for key in published}
    fresh = auth.jwks(key for key in announced if key["kid"] not in known)["keys"]
    _publish([*published, *fresh], home)
    return announced


def switch(names: Sequence[str], home: Home) -> None:
    """Signs with the keys that were announced, from now on."""
    for name in names:
        next_file(name, home).replace(keys.file_of(name, home))


def retire(names: Sequence[str], home: Home, after_seconds: float, overlap_seconds: float) -> None:
    """Gives the keys of `names` that no longer sign an end, so long from now at most.

    Of other names, those that a run left without an end because it died get one in
    `overlap_seconds`, when their last token has run out. Drops what has ended.
    """
    kept = {read_private(keys.file_of(name, home))["kid"] for name in keys.names()}
    kept |= {read_private(next_file(name, home)).get("kid") for name in keys.names()}
    now = time.time()
    end, last_end = int(now + after_seconds), int(now + overlap_seconds)

    def ending(key: Key) -> Key:
        if key["kid"] in kept:
            return key
        if keys.name_of(key) in names:
            return {**key, "exp": min(key.get("exp", end), end)}
        return {"exp": last_end, **key}

    left = [ending(key) for key in keys.public_keys(home)]
    _publish([key for key in left if not keys.has_ended(key)], home)


def drop_ended(home: Home) -> None:
    """Withdraws keys whose end has come, so that Envoy, to which keys have none, learns of it."""
    _publish([key for key in keys.public_keys(home) if not keys.has_ended(key)], home)


def until_taken(announced: Sequence[Key], edge_port: int) -> None:
    """Returns when the edge takes tokens of each key that vouches for people.

    Services take any key with its first token: one that they do not know they look for in the file
    itself. The edge never takes a service's. Raises `LocalError`.
    """
    for key in filter(keys.is_for_people, announced):
        # With ever longer waits: what is asked with an unknown key counts for its address, from
        # which others call too.
        retries, times = _WAITS.retries(TAKEN_TIMEOUT_SECONDS), 0
        while times < TIMES_TAKEN:
            status = _asked_with(key, edge_port)
            if status == http.client.OK:
                times += 1
                continue
            if status != http.client.TOO_MANY_REQUESTS:  # which says nothing of the key
                times = 0
            delay = retries.failed()
            if delay is None:
                raise LocalError(
                    f"the edge did not take {key['kid']} in {TAKEN_TIMEOUT_SECONDS:.0f} s",
                    "Nothing was switched. Look at `emporium status`, and rotate again.",
                )
            time.sleep(delay)


def _asked_with(key: Key, edge_port: int) -> int:
    """The status of a public page for who brings a token of that key; 0 for no answer."""
    token = Signer(key, _PROBE_SECONDS).sign("rotation", Role.CUSTOMER)
    connection = http.client.HTTPConnection("127.0.0.1", edge_port, timeout=5)
    try:
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("GET", "/.well-known/jwks.json", headers=headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _number_after(name: str, home: Home) -> int:
    known = [key["kid"] for key in keys.public_keys(home) if keys.name_of(key) == name]
    known.append(read_private(keys.file_of(name, home))["kid"])
    return 1 + max(int(found[0]) for kid in known if (found := _NUMBER.search(kid)))


def _publish(public: Sequence[Key], home: Home) -> None:
    """Envoy's files come first: by the key set it is seen that there is nothing left to do."""
    edge.write_keys(CHECKOUT / "envoy", home.keys, public)
    write_private(keys.public_file(home), {"keys": list(public)})
