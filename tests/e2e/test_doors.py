"""Every door gives the same answer: REST, gRPC through the edge and directly, client, grpcurl."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from emporium import Emporium, NotFound, OrderLine, Targets
from emporium.order.v1 import catalog_service_pb2 as pb
from emporium.order.v1 import catalog_service_pb2_grpc
from server.local.cluster import Cluster
from server.services import SERVICES
from tests.e2e.conftest import Rest, error_of, target
from tests.waiting import until

MISSING = "00000000-0000-7000-8000-000000000000"


async def run_grpcurl(*arguments: str) -> str:
    """What grpcurl printed."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("grpcurl")),
        "-plaintext",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()


async def test_a_product_looks_the_same_through_every_door(
    cluster: Cluster, anyone: Rest, products: list[dict[str, Any]]
) -> None:
    product_id = products[0]["id"]
    by_rest = await anyone.data("GET", f"/products/{product_id}")
    assert by_rest == products[0]

    for door in ("edge", "service"):
        async with grpc.aio.insecure_channel(target(cluster, door)) as channel:
            stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
            by_grpc = await stub.GetProduct(pb.GetProductRequest(product_id=product_id))
        as_dict = json_format.MessageToDict(
            by_grpc, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        assert as_dict == by_rest

    async with Emporium(target(cluster, "edge")) as shop:
        assert await shop.products.get(product_id) == by_grpc
    async with Emporium(Targets(**cluster.record.grpc)) as shop:
        assert await shop.products.get(product_id) == by_grpc

    by_grpcurl = await run_grpcurl(
        "-emit-defaults",
        "-d",
        json.dumps({"product_id": product_id}),
        cluster.record.grpc["order"],
        "emporium.order.v1.CatalogService/GetProduct",
    )
    assert json.loads(by_grpcurl) == by_rest


async def test_a_missing_product_is_missing_through_every_door(
    cluster: Cluster, anyone: Rest
) -> None:
    by_rest = error_of(await anyone("GET", f"/products/{MISSING}"), 404)
    async with Emporium(target(cluster, "edge")) as shop:
        with pytest.raises(NotFound) as raised:
            await shop.products.get(MISSING)
    assert (raised.value.reason, raised.value.message) == (by_rest["code"], by_rest["message"])


@pytest.mark.parametrize("service", [each.name for each in SERVICES])
async def test_operators_explore_a_service(cluster: Cluster, service: str) -> None:
    listed = await run_grpcurl(cluster.record.grpc[service], "list")
    assert f"emporium.{service}.v1." in listed
    described = await run_grpcurl(
        cluster.record.grpc[service], "describe", f".emporium.{service}.v1"
    )
    assert described
    health = await run_grpcurl(cluster.record.grpc[service], "grpc.health.v1.Health/Check")
    assert json.loads(health) == {"status": "SERVING"}


async def test_the_client_signs_in_orders_and_reads_the_report(
    cluster: Cluster, products: list[dict[str, Any]]
) -> None:
    staff = cluster.login("staff")
    async with Emporium(target(cluster, "edge")) as shop:
        await shop.auth.login(staff.email, staff.password)
        before = (await shop.reports.sales()).total.orders
        order = await shop.orders.create([OrderLine(products[0]["id"], 3)])
        assert order.user_id == staff.user_id

        async def is_counted() -> bool:
            return (await shop.reports.sales()).total.orders == before + 1

        await until(is_counted)
        placed = [each.id async for each in shop.orders.list(per_page=2)]
        assert order.id in placed
        assert len(placed) == len(set(placed))


def test_the_record_of_a_cluster_is_private(cluster: Cluster) -> None:
    record = cluster.home.record_file
    assert record.stat().st_mode & 0o077 == 0
    roles = {login["role"] for login in json.loads(record.read_text())["logins"]}
    assert roles == {"admin", "staff", "customer"}
