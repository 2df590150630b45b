"""Wires the analytics service together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from emporium import Emporium, EmporiumError, Targets
from emporium.analytics.v1 import (
    domain_event_service_pb2,
    event_service_pb2,
    personal_data_service_pb2,
    report_service_pb2,
)
from server.analytics.audit.store import MongoWaiting
from server.analytics.behaviour.service import EventService
from server.analytics.behaviour.store import MongoEventStore
from server.analytics.neighbours.audit import AuditKeeper
from server.analytics.personal_data.service import PersonalDataService
from server.analytics.reports.service import ReportService
from server.analytics.sales.service import DomainEventService
from server.analytics.sales.store import MongoSalesStore
from server.kit import background, lifecycle, mongo
from server.kit.audit.forwarding import Keeper, forwarding
from server.kit.audit.trail import CommittingSink
from server.kit.audit.writer import AuditWriter, writing
from server.kit.auth import ServiceToken, Signer, Verifier
from server.kit.background import Job
from server.kit.following import live_copy
from server.kit.lifecycle import Registration
from server.kit.mongo import Database
from server.kit.mongo.erasing import Erasures
from server.kit.mongo.idempotency import Answers
from server.kit.revocations import UnrevokedTokens
from server.kit.shop import currency_of
from server.kit.telemetry import telemetry
from server.kit.tls import to_neighbours
from server.services import ANALYTICS
from server.settings import Settings

_SWEEP_SECONDS = 60.0


def main() -> int:
    """Runs the service until it is asked to stop; gives the process's exit code."""
    return lifecycle.run(_serve, "analytics")


async def _serve(settings: Settings) -> None:
    verifier = Verifier.from_file(settings.tokens.jwks_file)
    signer = Signer.for_neighbours(settings.tokens)
    known = settings.neighbours.neighbour_targets
    targets = Targets.of({name: known[name] for name in ANALYTICS.neighbours})
    with telemetry(settings.server, "analytics"):
        async with (
            mongo.connected(settings.mongo) as database,
            Emporium(
                targets, token=ServiceToken(signer), tls=to_neighbours(settings.server)
            ) as shop,
            live_copy(shop.revocations.watch, EmporiumError) as live,
            background.running(sweep(database)),
            auditing(database, AuditKeeper(shop)) as audit,
            lifecycle.serving(
                settings.server,
                UnrevokedTokens(verifier, live.revocations),
                registrations(database, currency_of(settings.shop)),
                # Not the user service: events are recorded without it.
                probes={"mongo": database.ping},
                accounts=live.accounts,
                audit=audit,
            ),
        ):
            await lifecycle.stopping()


def erasures(database: Database) -> Erasures:
    """Whatever `database` holds of people, to be erased."""
    parts = (MongoEventStore(database), MongoSalesStore(database), Answers(database))
    return Erasures(database, "analytics/mongodb", parts)


def sweep(database: Database) -> Job:
    """Erases what a killed process may have left of those who were erased lately."""
    return Job("erasure_sweep", erasures(database).sweep, _SWEEP_SECONDS)


@asynccontextmanager
async def auditing(database: Database, keeper: Keeper) -> AsyncIterator[CommittingSink]:
    """What takes the records of this service's calls, and sends them on to `keeper`.

    Two processes may send the same record, which is kept once.
    """
    waiting = MongoWaiting(database)
    async with (
        background.running(forwarding(waiting, keeper)),
        writing(AuditWriter(waiting.append)) as writer,
    ):
        yield audit_sink(writer, waiting)


def audit_sink(writer: AuditWriter, waiting: MongoWaiting) -> CommittingSink:
    """The record of a change is committed with it."""
    return CommittingSink(writer, waiting.inserting)


def registrations(database: Database, shop_currency: str) -> tuple[Registration, ...]:
    """The services of this process, over `database`."""
    sales, behaviour = MongoSalesStore(database), MongoEventStore(database)
    events = event_service_pb2.DESCRIPTOR.services_by_name["EventService"]
    domain_events = domain_event_service_pb2.DESCRIPTOR.services_by_name["DomainEventService"]
    reports = report_service_pb2.DESCRIPTOR.services_by_name["ReportService"]
    held = personal_data_service_pb2.DESCRIPTOR.services_by_name["PersonalDataService"]
    return (
        Registration(events, EventService(behaviour)),
        Registration(domain_events, DomainEventService(sales)),
        Registration(reports, ReportService(sales, shop_currency)),
        Registration(held, PersonalDataService(erasures(database), behaviour, sales)),
    )
