"""The order of the layers is enforced when a pipeline is made."""

from collections.abc import Sequence
from itertools import permutations

import pytest
from prometheus_client import CollectorRegistry

from server.kit import auth
from server.kit.call.access import AccessRules
from server.kit.call.ascii_headers import AsciiHeaders
from server.kit.call.audit import Audit
from server.kit.call.authentication import Authentication
from server.kit.call.chain import pipeline
from server.kit.call.edge_headers import EdgeHeaders
from server.kit.call.idempotency import IdempotencyKeys
from server.kit.call.in_flight import InFlight
from server.kit.call.layers import Guard, Watcher, WrongOrder
from server.kit.call.logging import CallLog
from server.kit.call.media_types import MediaTypes
from server.kit.call.metrics import CallMetrics
from server.kit.call.peers import Peers
from server.kit.call.pipeline import Pipeline
from server.kit.call.request_id import RequestId
from server.kit.call.resource import ResourceNote
from server.kit.call.rest_names import RestNames
from server.kit.call.validation import Validation

WATCHERS: tuple[Watcher, ...] = (
    RequestId(),
    CallLog(),
    CallMetrics(CollectorRegistry()),
    InFlight(),
    Audit(),
)
GUARDS: tuple[Guard, ...] = (
    Peers(None),
    AsciiHeaders(),
    Authentication(auth.Verifier({"keys": []})),
    AccessRules(),
    MediaTypes(),
    RestNames(),
    EdgeHeaders(),
    Validation(),
    IdempotencyKeys(),
    ResourceNote(),
)


def is_accepted(watchers: Sequence[Watcher], guards: Sequence[Guard]) -> bool:
    try:
        Pipeline(watchers, guards, deadline_seconds=1.0)
    except WrongOrder:
        return False
    return True


def test_these_are_the_layers_of_the_chain(verifier: auth.Verifier) -> None:
    chain = pipeline(verifier, CallMetrics(CollectorRegistry()), InFlight(), 1.0)
    assert [type(layer) for layer in (*chain.watchers, *chain.guards)] == [
        type(layer) for layer in (*WATCHERS, *GUARDS)
    ]


@pytest.mark.parametrize("n", range(len(GUARDS) - 1))
def test_guards_in_any_order_but_the_chains_are_refused(n: int) -> None:
    """In any other order some two that are neighbours in the chain have changed sides."""
    assert is_accepted(WATCHERS, GUARDS)
    assert not is_accepted(WATCHERS, (GUARDS[n + 1], GUARDS[n]))


def test_watchers_that_speak_of_a_call_before_it_has_an_id_are_refused() -> None:
    accepted = [order for order in permutations(WATCHERS) if is_accepted(order, GUARDS)]
    request_id, log, metrics, in_flight, audit = WATCHERS
    assert WATCHERS in accepted
    assert all(
        order.index(request_id) < min(order.index(log), order.index(metrics)) for order in accepted
    )
    assert all(
        max(order.index(request_id), order.index(in_flight)) < order.index(audit)
        for order in accepted
    )


def test_a_refused_order_is_told_by_the_layers_names() -> None:
    with pytest.raises(WrongOrder, match="Authentication must stand outside of AccessRules"):
        Pipeline((), (AccessRules(), GUARDS[2]), deadline_seconds=1.0)
