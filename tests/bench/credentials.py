"""What the rows of logins and refreshes share: an account, and the bare programs beside it."""

import asyncio
import sys
import uuid

import grpc

from emporium.user.v1.auth_service_pb2 import LoginRequest
from emporium.user.v1.user_service_pb2 import CreateUserRequest
from emporium.user.v1.user_service_pb2_grpc import UserServiceStub
from tests.bench.compare import Measure, Run
from tests.bench.h2load import LoadFailed
from tests.bench.machine import SERVER_CORE, pin
from tests.bench.tree import CHECKOUT

_PASSWORD = "correct horse battery"
_TIMEOUT_SECONDS = 30.0


async def signed_up(channel: grpc.aio.Channel) -> LoginRequest:
    """A login of a new account, whose hash is of the cost that this service has."""
    email = f"{uuid.uuid4().hex}@bench.example"
    new = CreateUserRequest(email=email, full_name="Bench", password=_PASSWORD)
    await UserServiceStub(channel).CreateUser(new, timeout=_TIMEOUT_SECONDS)
    return LoginRequest(email=email, password=_PASSWORD)


def bare(*words: object) -> Measure:
    """A run of `bare_credentials.py`, on the server core."""

    async def run() -> Run:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.bare_credentials", *map(str, words)),
            cwd=CHECKOUT,
            stdout=asyncio.subprocess.PIPE,
        )
        pin(process.pid, SERVER_CORE)
        output, _ = await process.communicate()
        if process.returncode:
            raise LoadFailed(f"bare_credentials {words[0]} ended with code {process.returncode}")
        rate, cpu = map(float, output.split())
        return Run(rate, cpu)

    return run
