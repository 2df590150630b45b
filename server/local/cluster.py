"""The whole cluster as one object: databases, services and the edge, as child processes of ours.

    async with Cluster(ClusterOptions(home=folder, edge_port=0, ephemeral=True)) as cluster:
        print(cluster.edge_url, cluster.login("admin").email)

Enter it in the main thread: the kernel ends the children when the thread that started them ends.
"""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from server.local.assembly import Assembly
from server.local.errors import LocalError
from server.local.home import keys, orphans
from server.local.home.folder import Home, require_space
from server.local.home.integrity import require_whole
from server.local.home.plan import PortPlan, awaited, kept_plan
from server.local.home.ports import kept
from server.local.home.record import ClusterRecord, Login
from server.local.options import ClusterOptions
from server.local.preparation.client import Preparation
from server.local.process.concurrently import concurrently
from server.local.process.identity import ProcessRecord, start_of
from server.local.process.part import Part
from server.local.process.supervisor import Supervisor
from server.local.progress import Progress, Silent, step

LOOK_SECONDS = 10.0  # between two looks at logs that grow and keys that end
PAUSES = (signal.SIGSTOP, signal.SIGCONT)  # signals that end no process


class Cluster:
    """A running cluster while its block runs.

    Entering raises `LocalError`, which says what is wrong and what to do; nothing is left running
    then. A process that dies later is reported to `progress` and restarted.
    """

    def __init__(self, options: ClusterOptions, progress: Progress | None = None) -> None:
        self.options = options
        self.home = Home.at(options.home)
        self.ready_seconds = 0.0
        self._progress = progress or Silent()
        self._supervisors: dict[str, Supervisor] = {}  # in the order of their start
        self._stack = AsyncExitStack()
        self.preparation = Preparation(self.home)
        self._record = ClusterRecord(
            home=str(self.home.directory),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            state="starting",
            supervisor=ProcessRecord("supervisor", os.getpid(), start_of(os.getpid())),
        )

    @property
    def record(self) -> ClusterRecord:
        """What `cluster.json` says."""
        return self._record

    @property
    def edge_url(self) -> str:
        """Where everything is, over HTTP and gRPC."""
        return self._record.edge_url

    @property
    def logins(self) -> list[Login]:
        """The demo logins."""
        return self._record.logins

    def login(self, role: str) -> Login:
        """The demo login with this role: `admin`, `staff` or `customer`."""
        return next(login for login in self.logins if login.role == role)

    def token(self, role: str, lifetime_seconds: int = 600) -> str:
        """An access token for the demo login with this role."""
        return keys.token(self.home, self.login(role).user_id, role, lifetime_seconds)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._record.state = "stopping"
        self._write()
        await self._stack.aclose()

    async def stop_process(self, name: str) -> None:
        """Stops a part, such as `postgres`, `mongod`, `envoy`, `order`; it stays down."""
        await concurrently([supervisor.stop() for supervisor in self._named(name)])

    async def start_process(self, name: str) -> None:
        """Starts a stopped part again, and returns when it is ready."""
        await concurrently([supervisor.start() for supervisor in self._named(name)])

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to a part; if that ends it, it is restarted."""
        for supervisor in self._named(name):
            if number not in PAUSES:
                supervisor.ready.clear()
            supervisor.part.child.send(number)

    async def until_ready(self, name: str) -> None:
        """Waits until a killed part is ready again."""
        for supervisor in self._named(name):
            await supervisor.ready.wait()

    def _named(self, name: str) -> list[Supervisor]:
        """The supervisor of a process, or those of a service's workers."""
        found = [
            supervisor
            for process, supervisor in self._supervisors.items()
            if process == name or process.rpartition("-")[0] == name
        ]
        if not found:
            raise LookupError(f"no process {name}; there are {', '.join(self._supervisors)}")
        return found

    async def _start(self, stack: AsyncExitStack) -> None:
        began = time.monotonic()
        stack.enter_context(self.home.locked())
        for name in orphans.end_all(self.home):
            self._progress.reported(f"ended {name}, which a killed supervisor left running")
        require_whole(self.home)
        self.home.rotate_logs()
        rotating = asyncio.create_task(self._keep_tidy(self.home))
        stack.callback(rotating.cancel)
        await self._choose_home(stack)
        self.preparation = Preparation(self.home)
        stack.push_async_callback(self.preparation.stop)
        await self.preparation.start()
        ports = await awaited(self._chosen_ports, self._progress.reported)
        stack.enter_context(kept(ports.all))
        assembly = Assembly(self.options, ports, self.home, self.preparation)
        self._record.data = str(self.home.data)
        self._write()
        stack.callback(self.home.record_file.unlink, missing_ok=True)
        await self._start_databases(stack, assembly)
        assembly.describe(self._record)
        limiters, gateway = await assembly.edge()
        behind_edge = [*assembly.services(), *limiters, assembly.sandbox()]
        await self._bring_up(stack, [self._supervisor(part) for part in behind_edge])
        await self._bring_up(stack, [self._supervisor(gateway)])
        await self._seed(assembly)
        self._record.state = "ready"
        self._write()
        self.ready_seconds = time.monotonic() - began

    def _chosen_ports(self) -> PortPlan:
        options = self.options
        return kept_plan(self.home, options.edge_port, options.workers, options.port_base)

    async def _keep_tidy(self, home: Home) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(OSError):  # a log that somebody has removed
                home.rotate_logs()
            # Of the home that holds the data: it is chosen after the first look.
            if any(keys.has_ended(key) for key in keys.public_keys(self.home)):
                await self._drop_ended_keys()

    async def _drop_ended_keys(self) -> None:
        try:
            await self.preparation.drop_ended_keys()
        except LocalError as error:  # said, and tried again at the next look
            self._progress.reported(f"keys that have ended are not withdrawn: {error.problem}")

    async def _choose_home(self, stack: AsyncExitStack) -> None:
        require_space(self.home.directory, "Free some space, or choose another --home.")
        if self.options.ephemeral:
            self.home = stack.enter_context(self.home.on_ram_disk())

    async def _bring_up(self, stack: AsyncExitStack, supervisors: list[Supervisor]) -> None:
        """Starts parts concurrently; they stop concurrently too, after those started later."""
        self._stop_with(stack, supervisors)
        await self._start_parts(supervisors)

    def _stop_with(self, stack: AsyncExitStack, supervisors: list[Supervisor]) -> None:
        self._supervisors |= {supervisor.name: supervisor for supervisor in supervisors}

        async def stop() -> None:
            await concurrently([supervisor.stop() for supervisor in supervisors])

        stack.push_async_callback(stop)

    async def _start_parts(self, supervisors: list[Supervisor]) -> None:
        async def start(supervisor: Supervisor) -> None:
            with step(self._progress, supervisor.name):
                await supervisor.start()

        await concurrently([start(supervisor) for supervisor in supervisors])

    async def _start_databases(self, stack: AsyncExitStack, assembly: Assembly) -> None:
        """Starts and prepares both engines side by side: mongod takes longer to be ready."""
        postgres = [self._supervisor(part) for part in assembly.postgres()]
        mongo = [self._supervisor(part) for part in assembly.mongo()]
        self._stop_with(stack, [*postgres, *mongo])

        async def relational() -> None:
            await self._start_parts(postgres)
            dsn, own = assembly.admin_dsn, assembly.own_postgres
            with step(self._progress, "schema") as notes:
                notes.append(_note(await self.preparation.prepare_postgres(dsn, own_postgres=own)))
            with step(self._progress, "logins"):
                self._record.logins = await self.preparation.make_logins(dsn)

        async def documents() -> None:
            await self._start_parts(mongo)
            uri, own = assembly.mongodb_uri, assembly.own_mongo
            with step(self._progress, "collections") as notes:
                notes.append(_note(await self.preparation.prepare_mongo(uri, own_mongo=own)))

        async def signing() -> None:
            if not keys.are_made(self.home):
                await self.preparation.make_keys()

        await concurrently([relational(), documents(), signing()])

    async def _seed(self, assembly: Assembly) -> None:
        if self.options.seed == "none":
            return
        with step(self._progress, "sample data") as notes:
            notes.append(await self.preparation.make_sample_data(assembly.admin_dsn, self._record))

    def _supervisor(self, part: Part) -> Supervisor:
        return Supervisor(part, self._progress, self._write)

    def _write(self) -> None:
        children = [supervisor.part.child for supervisor in self._supervisors.values()]
        self._record.processes = [
            child.record for child in children if child.running and child.record is not None
        ]
        self._record.write(self.home)


def _note(changed: list[str]) -> str:
    return f"migrated {', '.join(changed)}" if changed else "up to date"
