"""The calls of the helper process, as a supervisor makes them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from server.local.home.folder import Home
from server.local.home.record import ClusterRecord, Login
from server.local.process.helper import Helper


class Preparation:
    """Prepares a cluster in `home`, by a helper process. Every call may raise `LocalError`."""

    def __init__(self, home: Home) -> None:
        self._home = {"directory": str(home.directory), "data": str(home.data)}
        self._helper = Helper("server.local.preparation", home.log_file("preparation"))

    async def start(self) -> None:
        """Starts the helper, so that it loads its modules while the databases start."""
        await self._helper.start()

    async def stop(self) -> None:
        """Ends the helper."""
        await self._helper.stop()

    async def make_keys(self) -> None:
        """Makes the keys that are missing."""
        await self._helper.call("make_keys", home=self._home)

    async def drop_ended_keys(self) -> None:
        """Withdraws public keys whose end has come."""
        await self._helper.call("drop_ended_keys", home=self._home)

    async def sign_token(self, user_id: str, role: str, lifetime_seconds: int) -> str:
        """An access token, as the user service signs it at a login."""
        token: str = await self._helper.call(
            "sign_token",
            home=self._home,
            user_id=user_id,
            role=role,
            lifetime_seconds=lifetime_seconds,
        )
        return token

    async def await_primary(self, directory: Path, port: int, durable: bool) -> None:
        """Returns when the mongod on `port` is a primary; the first time, makes it one."""
        await self._helper.call(
            "await_primary", directory=str(directory), port=port, durable=durable
        )

    async def await_serving(self, port: int) -> None:
        """Returns when the service on `port` is SERVING."""
        await self._helper.call("await_serving", port=port)

    async def prepare_postgres(self, admin_dsn: str, *, own_postgres: bool) -> list[str]:
        """Brings roles and schemas up to date; the names of the services that were behind."""
        changed: list[str] = await self._helper.call(
            "prepare_postgres", home=self._home, admin_dsn=admin_dsn, own_postgres=own_postgres
        )
        return changed

    async def prepare_mongo(self, mongodb_uri: str, *, own_mongo: bool) -> list[str]:
        """As `prepare_postgres`, in MongoDB."""
        changed: list[str] = await self._helper.call(
            "prepare_mongo", home=self._home, mongodb_uri=mongodb_uri, own_mongo=own_mongo
        )
        return changed

    async def make_logins(self, admin_dsn: str) -> list[Login]:
        """The demo logins that can be used; made when the database is new."""
        logins = await self._helper.call("make_logins", home=self._home, admin_dsn=admin_dsn)
        return [Login(**login) for login in logins]

    async def make_sample_data(self, admin_dsn: str, record: ClusterRecord) -> str:
        """Seeds the running services once; a note on what was done."""
        note: str = await self._helper.call(
            "make_sample_data", home=self._home, admin_dsn=admin_dsn, record=asdict(record)
        )
        return note

    async def render_edge(self, source: Path, into: Path, jwks: Path, **options: Any) -> Path:
        """Writes Envoy's configuration; see `engines.edge.render`."""
        written = await self._helper.call(
            "render_edge", source=str(source), into=str(into), jwks=str(jwks), options=options
        )
        return Path(written)
