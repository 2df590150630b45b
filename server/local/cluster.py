"""The whole cluster as one object: databases, services and the edge, as child processes of ours.

    async with Cluster(ClusterOptions(home=folder, edge_port=0, ephemeral=True)) as cluster:
        print(cluster.edge_url, cluster.login("admin").email)

Enter it in the main thread: the kernel ends the children when the thread that started them ends.
"""

import os
import signal
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from server.local.assembly import Assembly
from server.local.home import keys
from server.local.home import orphans as leftovers
from server.local.home.folder import Home, require_room
from server.local.home.plan import plan
from server.local.home.record import ClusterRecord, Login
from server.local.options import ClusterOptions
from server.local.preparation import accounts
from server.local.preparation.schema import prepare, prepare_mongo
from server.local.process.concurrently import together
from server.local.process.identity import ProcessRecord, start_of
from server.local.process.part import Part
from server.local.process.supervisor import Keeper
from server.local.progress import Progress, Silent, step
from server.services import ORDER, SERVICES, Service

PAUSES = (signal.SIGSTOP, signal.SIGCONT)  # signals that nobody dies of


class Cluster:
    """A running cluster while its block runs.

    Entering raises `LocalError`, which says what is in the way and how to mend it; nothing is left
    running then. Whatever dies meanwhile is reported to `progress` and started again.
    """

    def __init__(self, options: ClusterOptions, progress: Progress | None = None) -> None:
        self.options = options
        self.home = Home.at(options.home)
        self.ready_seconds = 0.0
        self._progress = progress or Silent()
        self._keepers: dict[str, Keeper] = {}  # in the order of their start
        self._stack = AsyncExitStack()
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
        await together([keeper.stop() for keeper in self._named(name)])

    async def start_process(self, name: str) -> None:
        """Starts a stopped part again, and returns when it is ready."""
        await together([keeper.start() for keeper in self._named(name)])

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to a part; when it dies of that, it is started again."""
        for keeper in self._named(name):
            if number not in PAUSES:
                keeper.up.clear()
            keeper.part.child.send(number)

    async def until_up(self, name: str) -> None:
        """Waits until a killed part is ready again."""
        for keeper in self._named(name):
            await keeper.up.wait()

    def _named(self, name: str) -> list[Keeper]:
        """The keeper of a process, or those of a service's workers."""
        found = [
            keeper
            for process, keeper in self._keepers.items()
            if process == name or process.rpartition("-")[0] == name
        ]
        if not found:
            raise LookupError(f"no process {name}; there are {', '.join(self._keepers)}")
        return found

    async def _start(self, stack: AsyncExitStack) -> None:
        began = time.monotonic()
        stack.enter_context(self.home.held())
        for name in leftovers.sweep(self.home):
            self._progress.told(f"ended {name}, left behind by a supervisor that was killed")
        self.home.rotate_logs()
        await self._choose_home(stack)
        keys.ensure(self.home)
        assembly = Assembly(
            self.options, plan(self.options.edge_port, self.options.workers), self.home
        )
        self._record.data = str(self.home.data)
        self._write()
        stack.callback(self.home.record_file.unlink, missing_ok=True)
        await self._bring_up(stack, [self._keeper(part) for part in assembly.databases()])
        await self._prepare(assembly)
        assembly.describe(self._record)
        await self._bring_up(stack, [self._keeper(part) for part in assembly.services()])
        await self._bring_up(stack, [self._keeper(assembly.gateway())])
        await self._seed(assembly)
        self._record.state = "ready"
        self._write()
        self.ready_seconds = time.monotonic() - began

    async def _choose_home(self, stack: AsyncExitStack) -> None:
        require_room(self.home.directory, "Free some space, or choose another --home.")
        if self.options.ephemeral:
            self.home = stack.enter_context(self.home.on_ram_disk())

    async def _bring_up(self, stack: AsyncExitStack, keepers: list[Keeper]) -> None:
        """Starts parts side by side; they are stopped side by side, after whatever comes later."""
        self._keepers |= {keeper.name: keeper for keeper in keepers}

        async def start(keeper: Keeper) -> None:
            with step(self._progress, keeper.name):
                await keeper.start()

        async def stop() -> None:
            await together([keeper.stop() for keeper in keepers])

        stack.push_async_callback(stop)
        await together([start(keeper) for keeper in keepers])

    async def _prepare(self, assembly: Assembly) -> None:
        with step(self._progress, "schema") as notes:
            # One after another: Alembic keeps what it is doing in globals.
            changed = [each.name for each in SERVICES if await self._migrate(each, assembly)]
            await assembly.make_mongo_roles()
            notes.append(f"migrated {', '.join(changed)}" if changed else "up to date")
        with step(self._progress, "logins"):
            self._record.logins = await accounts.ensure(assembly.admin_dsn, self.home)

    async def _migrate(self, service: Service, assembly: Assembly) -> bool:
        changed = False
        if service.postgres:
            changed |= await prepare(assembly.admin_dsn, service, self.home)
        if service.mongo:
            changed |= await prepare_mongo(assembly.mongodb_uri, service)
        return changed

    async def _seed(self, assembly: Assembly) -> None:
        if self.options.seed == "none":
            return
        # Imported late: the client brings gRPC, which loads while the databases start.
        from server.local.preparation.seed import seed_once

        with step(self._progress, "sample data") as notes:
            database = await accounts.database_identity(assembly.admin_dsn, ORDER)
            notes.append(await seed_once(self._record, self.home, database))

    def _keeper(self, part: Part) -> Keeper:
        return Keeper(part, self._progress, self._write)

    def _write(self) -> None:
        children = [keeper.part.child for keeper in self._keepers.values()]
        self._record.processes = [
            child.record for child in children if child.running and child.record is not None
        ]
        self._record.write(self.home)
