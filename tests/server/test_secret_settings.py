"""Canaries: whatever a setting holds, a service that starts with it repeats it nowhere."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from server import settings
from server.kit import auth
from server.services import SERVICES, Service
from tests.server.conftest import NewDatabase

CANARY = "canary7c1f"
URLS = {
    "DATABASE_URL": ("postgresql", f"{CANARY}:{CANARY}@127.0.0.1:1/{CANARY}"),
    "SMTP_URL": ("smtp", f"{CANARY}:{CANARY}@127.0.0.1:1/{CANARY}"),
    "SHOP_URL": ("https", f"{CANARY}/{CANARY}"),
    "MONGODB_URI": ("mongodb", f"{CANARY}:{CANARY}@127.0.0.1:1/{CANARY}"),
}
# Where a URL is not what the driver expects.
MALFORMED = (
    *(CANARY, f"{CANARY}@", f"a:{CANARY}@b:{CANARY}/", f"a:b@127.0.0.1:1{CANARY}/"),
    *(f"{CANARY}.invalid/", f"a/?{CANARY}=1", f"127.0.0.1:1/?appname={CANARY}"),
)
ENDS_WITHIN_SECONDS = 60
AT_ONCE = asyncio.Semaphore(2)
PARTS = 4  # of the settings, so that no test starts a service too often to be done in its time


def planted(variable: str) -> list[str]:
    """Values that hold the canary and get past the reading of the settings."""
    values = [CANARY]
    if variable in URLS:
        scheme, whole = URLS[variable]
        values = [f"{scheme}://{text}" for text in (whole, *MALFORMED)]
    if variable == "NEIGHBOUR_TARGETS":
        values = [f"user=dns:///{CANARY}.invalid:1 analytics=ipv4:127.0.0.1:1,{CANARY}"]
    return [value for value in values if is_read(variable, value)]


def is_read(variable: str, value: str) -> bool:
    try:
        settings.read({variable: value})
    except settings.SettingsError:
        return False
    return True


async def said_by(service: Service, environment: dict[str, str]) -> str:
    """All that the process writes until it ends, or serves and is asked to stop."""
    quick = dict.fromkeys(("CONNECT_TIMEOUT_SECONDS", "MONGODB_CONNECT_TIMEOUT_SECONDS"), "0.2")
    ports = dict.fromkeys(("GRPC_PORT", "METRICS_PORT", "DRAIN_SECONDS"), "0")
    async with AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server", service.name),
            env={"PATH": os.environ["PATH"], **quick, **ports, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout
        lines = b""
        async with asyncio.timeout(ENDS_WITHIN_SECONDS):
            async for line in process.stdout:
                lines += line
                if b'"event":"serving"' in line:
                    process.terminate()
            await process.wait()
    return lines.decode()


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Settings that name the keys of all services."""
    key = auth.new_key("key")
    (tmp_path / "key.json").write_text(json.dumps(key))
    (tmp_path / "secret.json").write_text(json.dumps({"secret": "s" * 43}))
    (tmp_path / "jwks.json").write_text(json.dumps(auth.jwks([key])))
    return {
        "SIGNING_KEY_FILE": str(tmp_path / "key.json"),
        "SERVICE_KEY_FILE": str(tmp_path / "key.json"),
        "JWKS_FILE": str(tmp_path / "jwks.json"),
        "SECRET_FILE": str(tmp_path / "secret.json"),
    }


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_a_starting_service_repeats_no_setting(
    service: Service, part: int, keys: dict[str, str], new_database: NewDatabase
) -> None:
    good = dict(keys)
    if service.postgres:
        good["DATABASE_URL"] = (await new_database(service.name)).database_url
    names = sorted(settings.variables())
    plants = [(name, value) for name in names for value in planted(name)][part::PARTS]
    assert len(plants) > 5
    heard = await asyncio.gather(
        *(said_by(service, {**good, name: value}) for name, value in plants)
    )
    assert all(heard), "each says at least why it does not serve, or that it does"
    repeated = [
        (*plant, line)
        for plant, text in zip(plants, heard, strict=True)
        for line in text.splitlines()
        if CANARY in line or "Traceback" in line
    ]
    assert not repeated
