"""Debian's PostgreSQL, which has TLS: the wheel's is built without."""

import os
import pwd
import signal
import subprocess
from pathlib import Path

import asyncpg

from server.local.engines.postgres import UNPRIVILEGED_USER
from server.local.home.ports import free_ports
from server.local.process.child import Child, run_once
from tests.certificates import Authority, Pem
from tests.system_packages import SCRIPT
from tests.waiting import until

PACKAGE = "postgresql"
_PASSWORD = "of the campaign's own"


def missing() -> str:
    """What to install; empty where it is there."""
    found = subprocess.run(["sh", SCRIPT, "has", PACKAGE], check=False).returncode == 0
    as_root = f"apt-get install --yes --no-install-recommends {PACKAGE}"
    return "" if found and _programs() else f"as root: {as_root}"


def _programs() -> Path | None:
    """The folder of the newest version's programs."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parts[-2])
    )
    return folders[-1] if folders else None


class DebianPostgres:
    """A PostgreSQL on loopback that lets nobody in without TLS and a password.

    Its certificate in `folder` is of an authority of its own, in `authority`.
    """

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._folder = folder
        self._user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
        (self.port,) = free_ports(1)
        self.authority = Authority(folder, "server-ca")
        programs = _programs()
        assert programs is not None
        self._programs = programs
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "ssl": "on",
            "ssl_cert_file": str(folder / "server.crt"),
            "ssl_key_file": str(folder / "server.key"),
            "fsync": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._child = Child(
            name="postgres",
            command=[str(programs / "postgres"), "-D", str(self._data), *options],
            log_file=folder / "postgres.log",
            user=self._user,
            stop_signal=signal.SIGINT,
        )

    def url(
        self, ca_file: Path | None, *, host: str = "127.0.0.1", mode: str = "verify-full"
    ) -> str:
        """As its superuser, who believes `ca_file`."""
        password = _PASSWORD.replace(" ", "%20").replace("'", "%27")
        root = f"&sslrootcert={ca_file}" if ca_file else ""
        where = f"{host}:{self.port}/postgres"
        return f"postgresql://postgres:{password}@{where}?sslmode={mode}{root}"

    async def start(self) -> None:
        """Makes its files, and starts it."""
        self._data.mkdir(mode=0o700)
        password_file = self._folder / "password"
        password_file.touch(0o600)
        password_file.write_text(_PASSWORD)
        for path in (self._data, password_file):
            self._own(path)
        self.show("127.0.0.1")
        initdb = [str(self._programs / "initdb"), f"--pgdata={self._data}", "--username=postgres"]
        initdb += [f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
        initdb += ["--locale=C", "--no-sync"]
        log = self._folder / "postgres.log"
        await run_once(Child(name="initdb", command=initdb, log_file=log, user=self._user))
        (self._data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        await self._child.start()
        await until(self._answers)

    async def stop(self) -> None:
        """Ends it."""
        await self._child.stop()

    async def replace_certificate(self) -> None:
        """Shows one of a new authority from the next connection on, and ends all connections."""
        self.authority = Authority(self._folder, "server-ca")
        self.show("127.0.0.1")
        self._child.send(signal.SIGHUP)
        await until(self._answers)

    def show(self, name: str) -> Pem:
        """Makes the certificate that is shown from the next reading of the files on."""
        pem = self.authority.issue(name, file="server")
        for path in (pem.certificate, pem.key):
            self._own(path)
        return pem

    async def sessions(self) -> list[asyncpg.Record]:
        """The role, and whether over TLS, of each connection but this one."""
        connection = await asyncpg.connect(self.url(self.authority.file))
        try:
            return await connection.fetch(
                "SELECT usename, ssl, version, query FROM pg_stat_ssl"
                " JOIN pg_stat_activity USING (pid)"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()

    async def end_sessions(self) -> None:
        """Ends every other connection."""
        connection = await asyncpg.connect(self.url(self.authority.file))
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(self.authority.file))
        except (OSError, asyncpg.CannotConnectNowError):
            self._child.require_running()
            return False
        await connection.close()
        return True

    def _own(self, path: Path) -> None:
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(path, entry.pw_uid, entry.pw_gid)
