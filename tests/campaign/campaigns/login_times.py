"""How long refused logins take: equally long, whatever they are refused for.

The parts are the reasons: an unknown e-mail, a wrong password, and the right password of a disabled
account. They take turns in an order that chance decides, so that what else the machine does meets
all alike.
"""

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from itertools import combinations

from emporium import Emporium
from emporium.user.v1.auth_service_pb2 import LoginRequest
from tests.bench.cluster import Cluster, running
from tests.bench.report import Row
from tests.bench.tree import this_checkout
from tests.campaign.campaign import Setting
from tests.campaign.http2 import Request, connected
from tests.campaign.rpcs import LOGIN, grpc_request
from tests.campaign.statistics import UNLIKELY, rank_p_value

MINUTES = 10.0
UNKNOWN, WRONG, DISABLED = REASONS = ("unknown", "wrong", "disabled")
_LOGINS = 300  # of each
_LOGINS_A_MINUTE = 150  # of all together; a bcrypt takes a quarter of a second
_WARM_UP_ROUNDS = 5
_UNAUTHENTICATED = "grpc 16"
_PASSWORD = "correct horse battery"


async def run(setting: Setting) -> list[Row]:
    """Times the logins, and compares each reason with each."""
    reasons = setting.chosen(REASONS)
    count = min(_LOGINS, int((setting.minutes - 1) * _LOGINS_A_MINUTE / len(reasons)))
    with running(this_checkout(), setting.folder / "home") as cluster:
        requests = await _requests(cluster)
        turns = reasons * count
        setting.random("turns").shuffle(turns)
        with setting.console.status(f"{len(turns)} logins, one after the other"):
            port = cluster.grpc_port("user")
            await _timed(port, requests, reasons * _WARM_UP_ROUNDS)
            times = await _timed(port, requests, turns)
    return [_row(times, *pair) for pair in combinations(reasons, 2)]


async def _requests(cluster: Cluster) -> dict[str, Request]:
    """A login for each reason. All e-mails are equally long, and all passwords."""
    emails = {reason: f"{reason:x<8}@campaign.example" for reason in REASONS}
    async with Emporium(f"127.0.0.1:{cluster.edge_port}") as shop:
        await shop.auth.login(*cluster.login("admin"))
        await shop.users.create(emails[WRONG], "Customer", password=_PASSWORD)
        account = await shop.users.create(emails[DISABLED], "Customer", password=_PASSWORD)
        await shop.users.update(account.id, status="disabled")
    tried = {UNKNOWN: _PASSWORD, WRONG: _PASSWORD[::-1], DISABLED: _PASSWORD}
    return {
        reason: grpc_request(LOGIN, LoginRequest(email=emails[reason], password=tried[reason]))
        for reason in REASONS
    }


async def _timed(
    port: int, requests: Mapping[str, Request], turns: Sequence[str]
) -> dict[str, list[float]]:
    """The seconds that the logins took, by reason."""
    times: dict[str, list[float]] = {reason: [] for reason in turns}
    connection = await connected(port)
    clock = asyncio.get_running_loop().time
    try:
        for reason in turns:
            began = clock()
            answer = await connection.call(requests[reason])
            times[reason].append(clock() - began)
            assert answer.outcome == _UNAUTHENTICATED, answer.headers
    finally:
        connection.close()
    return times


def _row(times: Mapping[str, Sequence[float]], first: str, second: str) -> Row:
    likely = rank_p_value(times[first], times[second])
    return Row(
        what=f"login refused: {first} / {second}",
        ours=_summary(times[first]),
        baseline=_summary(times[second]),
        figure=f"p = {likely:.3f}",
        target=f"no difference in rank (p at least {UNLIKELY})",
        met=likely >= UNLIKELY,
    )


def _summary(seconds: Sequence[float]) -> str:
    low, middle, high = (each * 1000 for each in statistics.quantiles(seconds, n=4))
    return f"{middle:.1f} ms (quartiles {low:.1f}, {high:.1f}), {len(seconds)} logins"
