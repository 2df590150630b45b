"""Wires the analytics service together."""

from emporium.analytics.v1 import (
    domain_event_service_pb2,
    event_service_pb2,
    report_service_pb2,
)
from server.analytics.behaviour.service import EventService
from server.analytics.behaviour.store import MongoEventStore
from server.analytics.reports.service import ReportService
from server.analytics.sales.service import DomainEventService
from server.analytics.sales.store import MongoSalesStore
from server.kit import lifecycle, mongo
from server.kit.auth import Verifier
from server.kit.lifecycle import Registration
from server.kit.mongo import Database
from server.kit.telemetry import telemetry
from server.settings import Settings, Shop


def main() -> int:
    """Runs the service until it is asked to stop; gives the process's exit code."""
    return lifecycle.run(_serve, "analytics")


async def _serve(settings: Settings) -> None:
    verifier = Verifier.from_file(settings.tokens.jwks_file)
    with telemetry(settings.server, "analytics"):
        async with (
            mongo.connected(settings.mongo) as database,
            lifecycle.serving(
                settings.server,
                verifier,
                registrations(database, settings.shop),
                probes={"mongo": database.ping},
            ),
        ):
            await lifecycle.stopping()


def registrations(database: Database, shop: Shop) -> tuple[Registration, ...]:
    """The services of this process, over `database`."""
    sales = MongoSalesStore(database)
    events = event_service_pb2.DESCRIPTOR.services_by_name["EventService"]
    domain_events = domain_event_service_pb2.DESCRIPTOR.services_by_name["DomainEventService"]
    reports = report_service_pb2.DESCRIPTOR.services_by_name["ReportService"]
    return (
        Registration(events, EventService(MongoEventStore(database))),
        Registration(domain_events, DomainEventService(sales)),
        Registration(reports, ReportService(sales, shop.shop_currency)),
    )
