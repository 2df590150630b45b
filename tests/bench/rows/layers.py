"""What each layer of the chain costs a call, in a loop of its own: no network, no database."""

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry

from emporium.type.v1.revocation_pb2 import Revocation
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.audit.sink import Describe
from server.kit.auth import Signer, Verifier, jwks, new_key
from server.kit.call import grpc_aio
from server.kit.call.chain import pipeline
from server.kit.call.in_flight import InFlight
from server.kit.call.layers import Guard, Watcher
from server.kit.call.method import methods
from server.kit.call.metrics import CallMetrics
from server.kit.call.pipeline import Handler, Pipeline
from server.kit.context import Caller, Context, Role
from server.kit.revocations import Revocations, UnrevokedTokens
from server.kit.telemetry import logs
from tests.bench.budget import Budget
from tests.bench.report import Row
from tests.bench.stage import Stage

_CALLS = 1_000
_ROUNDS = 9
_DEADLINE_SECONDS = 10.0
_BUDGET_US = 25.0  # for all of it
_CHECK_BUDGET_US = 2.0  # for the check of a token that is known, with what has ended
_ENDED = 10_000
_CHECKS = 20_000
# What a token costs that has been checked before; the check itself takes some 140.
_BUDGET_OF_LAYERS_US = {"Authentication": 2.0}

_GET_USER = next(
    method
    for method in methods(pb.DESCRIPTOR.services_by_name["UserService"])
    if method.name == "GetUser"
)
_USER_ID = str(uuid4())
_REQUEST = pb.GetUserRequest(user_id=_USER_ID).SerializeToString()
_ANSWER = pb.User(id=_USER_ID)

Call = Callable[[], Awaitable[object]]


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Each layer alone, less what a pipeline without any costs; then all of them at once."""
    key = new_key("user-1")  # its own: the caller reads his own account, as most do
    verifier = Verifier(jwks([key]))
    token = f"Bearer {Signer(key, 3_600).sign(_USER_ID, Role.CUSTOMER)}"
    with Path(os.devnull).open("wb") as nowhere:  # noqa: ASYNC230 (it never blocks)
        logs.configure_logs("info", "user")
        lines = logs._Lines(nowhere, "user")
        structlog.configure(logger_factory=lambda *names: lines)
        costs = await _costs(_calls(verifier, token))
        lines.write()
        structlog.reset_defaults()
    return [*_rows(costs), _token_check(verifier, token)]


def _token_check(verifier: Verifier, authorization: str) -> Row:
    """What a call pays to know who calls: a token that was seen before, and what has ended."""
    token, ended = authorization.partition(" ")[2], Revocations()
    sessions = [Revocation(session_id=str(uuid4())) for _ in range(_ENDED)]
    accounts = [
        Revocation(account=Revocation.Account(user_id=str(uuid4()), version=2))
        for _ in range(_ENDED)
    ]
    ended.add([*sessions, *accounts], keep_seconds=3_600)
    check = UnrevokedTokens(verifier, ended).verify
    found = []
    for _ in range(_ROUNDS):
        began = time.thread_time()
        for _ in range(_CHECKS):
            check(token)
        found.append((time.thread_time() - began) / _CHECKS * 1e6)
    cost = statistics.median(found)
    return Row(
        what="token check",
        ours=f"{cost:.2f} us",
        target=f"at most {_CHECK_BUDGET_US:.0f} us",
        met=cost <= _CHECK_BUDGET_US,
    )


def _calls(verifier: Verifier, token: str) -> dict[str, Call]:
    sent = (
        ("user-agent", "h2load nghttp2/1.52.0"),
        ("authorization", token),
        ("x-request-id", str(uuid4())),
    )
    chain = pipeline(
        UnrevokedTokens(verifier, Revocations()),
        CallMetrics(CollectorRegistry()),
        InFlight(),
        _DEADLINE_SECONDS,
        accounts=_Unasked(),  # the caller reads his own account,
        audit=_Empty(),  # which leaves no record
    )
    watchers, guards = chain.watchers, chain.guards
    whole = _composed(watchers, guards)
    return {
        "servicer": lambda: _servicer(pb.GetUserRequest.FromString(_REQUEST), None),
        "pipeline": _within(_composed([], []), sent, time_remaining=1.0),
        "deadline": _within(_composed([], []), sent),
        **{_name(each): _within(_composed([each], []), sent) for each in watchers},
        **{_name(each): _within(_composed([], [each]), sent) for each in guards},
        "all": _within(whole, sent),
        "hooked": _hooked(whole, sent),
    }


def _rows(costs: dict[str, float]) -> Sequence[Row]:
    layers = [name for name in costs if name not in ("servicer", "pipeline", "all", "hooked")]
    empty = costs["deadline"]
    alone = {name: costs[name] - empty for name in layers} | {
        "the composed call": costs["pipeline"] - costs["servicer"],
        "deadline, for callers without": empty - costs["pipeline"],
        "the hook in the engine": costs["hooked"] - costs["all"],
    }
    del alone["deadline"]
    whole = costs["hooked"] - costs["servicer"]
    return [
        _row(f"  {name}", cost, _BUDGET_OF_LAYERS_US.get(name))
        for name, cost in sorted(alone.items(), key=lambda x: -x[1])
    ] + [_row("every layer of GetUser at once", whole, _BUDGET_US)]


def _row(what: str, cost: float, most: float | None) -> Row:
    return Row(
        what=what,
        ours=f"{cost:.1f} us",
        target="" if most is None else f"at most {most:.0f} us",
        met=None if most is None else cost <= most,
    )


async def _costs(calls: dict[str, Call]) -> dict[str, float]:
    """CPU microseconds of each call, the median of rounds that take turns."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(_ROUNDS):
        for name, call in calls.items():
            began = time.thread_time()
            for _ in range(_CALLS):
                await call()
            found[name].append((time.thread_time() - began) / _CALLS * 1e6)
    return {name: statistics.median(costs) for name, costs in found.items()}


def _composed(watchers: Sequence[Watcher], guards: Sequence[Guard]) -> Handler:
    return Pipeline(watchers, guards, _DEADLINE_SECONDS).compose(_GET_USER, _servicer)


def _within(
    handler: Handler, sent: tuple[tuple[str, str], ...], time_remaining: float | None = None
) -> Call:
    """A call of `handler` by a caller who is known already, so that each gate can stand alone."""
    metadata, caller = dict(sent), Caller(_USER_ID, Role.CUSTOMER, time.time() + 3_600)

    def call() -> Awaitable[object]:
        context = Context(metadata, time_remaining)
        context.caller = caller
        call: Awaitable[object] = handler(_Sent(), context)
        return call

    return call


def _hooked(handler: Handler, sent: tuple[tuple[str, str], ...]) -> Call:
    answer = grpc_aio._unary(_GET_USER, handler, grpc_aio.context_of)
    engine: Any = _Engine(sent)
    return lambda: answer(None, engine)


class _Unasked:
    """Accounts of callers who are believed."""

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        return caller


class _Empty:
    """A sink that nothing comes to."""

    def begin(self, describe: Describe) -> None:
        raise AssertionError("a read changes nothing")

    def add(self, describe: Describe) -> None:
        raise AssertionError("it is the caller's own")


class _Sent:
    """The one message, as the pipeline reads it."""

    async def next(self) -> bytes:
        return _REQUEST


class _Engine:
    """As much of `grpc.aio` as a call that succeeds asks of it."""

    def __init__(self, sent: tuple[tuple[str, str], ...]) -> None:
        self._sent = sent

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._sent

    def time_remaining(self) -> None:
        return None

    async def read(self) -> bytes:
        return _REQUEST


async def _servicer(request: object, context: object) -> pb.User:
    return _ANSWER


def _name(layer: Watcher | Guard) -> str:
    return type(layer).__name__
