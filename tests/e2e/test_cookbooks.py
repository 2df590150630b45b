"""Every call in the generated files for people's tools is made, as they stand, and succeeds."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.contract.examples import VARIABLE
from server.local.cluster import Cluster
from tests.discovery import contract
from tests.e2e.making import Scene, role_of
from tests.node import ended, installed

ROOT = Path(__file__).parents[2]
HTTP = (ROOT / "docs/emporium.http").read_text()
POSTMAN = ROOT / "docs/emporium.postman_collection.json"
GRPCURL = (ROOT / "docs/grpcurl.md").read_text()
NODE = Path(__file__).parent / "node"
RPCS = {rpc.name: rpc for service in contract() for rpc in service.methods}

# What only somebody with a password has.
SIGNED_IN = {"current_password", "password", "refresh_token", "session_id", "totp_code"}
# Their tokens come by mail (tests/e2e/test_mail.py), and the signature from a payment provider
# (tests/e2e/test_payments.py).
BY_OTHERS = {"ResetPassword", "VerifyEmail", "ReceivePaymentNotice"}


@pytest.fixture(scope="module")
def scene(cluster: Cluster) -> Scene:
    return Scene(cluster.edge_url, cluster.home, cluster.token("admin"))


def values(scene: Scene, name: str, text: str) -> dict[str, str]:
    """The variables of one call, each made for it."""
    wanted = dict.fromkeys(VARIABLE.findall(text))
    wanted.pop("edge", None)
    caller = scene.caller(role_of(RPCS[name]), signs_in=not SIGNED_IN.isdisjoint(wanted))
    if "secret" in wanted:
        key = scene.api_key(caller)
        return {"api_key_id": str(key["id"]), "secret": str(key["secret"])}
    return scene.all_named(name, wanted, caller)


def filled(text: str, known: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda found: known[found[1]], text)


def http_calls() -> dict[str, str]:
    _, *calls = re.split(r"^### ", HTTP, flags=re.MULTILINE)
    return {call.partition(":")[0]: call.partition("\n")[2] for call in calls}


def shell_calls() -> dict[str, str]:
    _, *blocks = re.findall(r"```sh\n(.*?)```", GRPCURL, re.DOTALL)
    return {re.findall(r"\.\w+/(\w+) <<", block)[0]: block for block in blocks}


def test_every_operation_is_in_every_file() -> None:
    document = json.loads((ROOT / "envoy/generated/openapi.json").read_text())
    operations = {
        operation["operationId"]
        for verbs in document["paths"].values()
        for operation in verbs.values()
        if operation["tags"] != ["Edge"]
    }
    folders = json.loads(POSTMAN.read_text())["item"]
    assert set(http_calls()) == operations
    assert {call["name"] for folder in folders for call in folder["item"]} == operations
    # Its form is no JSON.
    assert set(shell_calls()) == operations - {"ExchangeApiKey"}


@pytest.mark.parametrize("name", sorted(http_calls().keys() - BY_OTHERS))
async def test_a_call_of_the_http_file_succeeds(cluster: Cluster, scene: Scene, name: str) -> None:
    text = http_calls()[name]
    known = await asyncio.to_thread(values, scene, name, text)
    head, _, body = filled(text, known | {"edge": cluster.edge_url}).partition("\n\n")
    line, *headers = head.splitlines()
    verb, url = line.split(" ")
    asked = dict(each.split(": ", 1) for each in headers)
    async with (
        httpx.AsyncClient() as client,
        client.stream(verb, url, headers=asked, content=body.strip()) as answer,
    ):
        assert answer.is_success, await answer.aread()  # of a stream, that it has begun


@pytest.mark.parametrize("name", sorted(shell_calls().keys() - BY_OTHERS))
async def test_a_call_by_grpcurl_succeeds(cluster: Cluster, scene: Scene, name: str) -> None:
    block = shell_calls()[name]
    text = re.sub(r"\$\{?([A-Z_]+)\}?", lambda found: f"{{{{{found[1].lower()}}}}}", block)
    known = await asyncio.to_thread(values, scene, name, text)
    shell = {each.upper(): value for each, value in known.items()}
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", block),
        cwd=ROOT,
        env={**shell, "PATH": programs, "EDGE": cluster.edge_url.removeprefix("http://")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    json.loads(output)


@pytest.mark.timeout(180)
async def test_every_call_of_the_postman_collection_succeeds(
    cluster: Cluster, scene: Scene, tmp_path: Path
) -> None:
    """Run by Postman's own runner. Each call has what it names made for it, and is judged."""
    await installed(NODE, tmp_path)
    collection = json.loads(POSTMAN.read_text())
    calls = [call for each in collection["item"] for call in each["item"]]
    called = [call for call in calls if call["name"] not in BY_OTHERS]
    for call in called:
        text = json.dumps(call["request"])
        known = await asyncio.to_thread(values, scene, call["name"], text)
        sets = [
            f"pm.variables.set({json.dumps(each)}, {json.dumps(known[each])})" for each in known
        ]
        call["event"] = [script("prerequest", sets), script("test", [JUDGED])]
    collection["item"] = called
    collection["variable"][0]["value"] = cluster.edge_url
    (tmp_path / "collection.json").write_text(json.dumps(collection))
    said = await ended("node_modules/.bin/newman", "run", "collection.json", folder=tmp_path)
    assert said.code == 0, said.output
    assert said.output.count("succeeds") >= len(called)


JUDGED = "pm.test('succeeds', () => pm.expect(pm.response.code).to.be.within(200, 299))"


def script(moment: str, lines: list[str]) -> Any:
    return {"listen": moment, "script": {"exec": lines}}
