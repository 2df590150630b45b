"""MongoDB over TLS, on either driver: mongod's own TLS, with certificates made here."""

import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from server.kit import errors
from server.kit.mongo import Database
from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.mongo_files import ADMIN
from server.settings import SettingsError
from tests.certificates import Authority, replace
from tests.server.kit.mongo.conftest import DRIVERS, Driver, connected
from tests.waiting import until


class Secured:
    """A mongod that speaks nothing but TLS, with its certificate in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder, "server-ca")
        self.believed, self.pem = folder / "believed.pem", folder / "server.pem"
        replace(self.believed, self.authority.pem)
        self.show("127.0.0.1")
        self.engine = EmbeddedMongo(folder / "mongo", durable=False)

    def show(self, name: str) -> None:
        """Makes the certificate that the server shows from its next start on."""
        pem = self.authority.issue(name, file="server")
        replace(self.pem, pem.key.read_bytes() + pem.certificate.read_bytes())

    def uri(self, **changes: str) -> str:
        """As an operator writes it, with other options or (empty) without them."""
        options = {"tls": "true", "tlsCAFile": str(self.believed), **changes}
        return self.engine.uri + "".join(
            f"&{name}={text}" for name, text in options.items() if text
        )

    async def await_primary(self, directory: Path, port: int, durable: bool) -> None:
        """As `replica_set.await_primary`, of a replica set that is there, over TLS."""

        async def is_primary() -> bool:
            answer = await client.admin.command("hello")
            return bool(answer["isWritablePrimary"])

        shown = f"tls=true&tlsAllowInvalidCertificates=true&tlsCertificateKeyFile={self.pem}"
        address = f"127.0.0.1:{port}/?directConnection=true&{shown}"
        async with AsyncMongoClient[dict[str, object]](f"mongodb://{address}") as client:
            await until(is_primary)

    async def start(self, *, asks_clients: bool = False) -> None:
        """Starts it with TLS; it was made without."""
        engine = self.engine = EmbeddedMongo(
            self.folder / "mongo",
            port=self.engine.port,
            durable=False,
            await_primary=self.await_primary,
        )
        engine.child.command += [
            "--tlsMode=requireTLS",
            f"--tlsCertificateKeyFile={self.pem}",
            f"--tlsCAFile={self.folder / 'server-ca.pem'}",
            *([] if asks_clients else ["--tlsAllowConnectionsWithoutCertificates"]),
        ]
        await engine.start()


@asynccontextmanager
async def running(folder: Path, *, asks_clients: bool = False) -> AsyncIterator[Secured]:
    secured = Secured(folder)
    async with secured.engine:
        assert ADMIN in secured.engine.uri
    await secured.start(asks_clients=asks_clients)
    try:
        yield secured
    finally:
        await secured.engine.stop()


@pytest.fixture(autouse=True)
def _sockets_collected() -> Iterator[None]:
    """Connections that fail while they are made leave sockets to the collector."""
    gc.disable()  # nobody else's test is to find them
    try:
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
    finally:
        gc.enable()


async def writes(database: Database) -> None:
    """Writes one word, and reads it."""
    with database.limited():
        await database.collection("words").insert_one({"word": "kept"})
        assert await database.collection("words").find_one({}) is not None


@pytest.mark.parametrize("driver", DRIVERS)
async def test_it_is_believed_by_its_authority_and_its_name_and_not_otherwise(
    driver: Driver, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    async with running(tmp_path) as secured:
        async with connected(secured.uri(), driver) as database:
            await writes(database)
        for uri in (
            secured.uri(tls="", tlsCAFile=""),
            secured.uri(tlsCAFile=""),
            secured.uri(tlsCAFile=str(stranger.file)),
            secured.uri().replace("127.0.0.1", "localhost"),
        ):
            with pytest.raises(errors.Unavailable):
                async with connected(f"{uri}&directConnection=true", driver):
                    pass


@pytest.mark.parametrize("driver", DRIVERS)
async def test_replaced_files_count_without_a_new_client(driver: Driver, tmp_path: Path) -> None:
    async with running(tmp_path, asks_clients=True) as secured:
        mine = tmp_path / "mine.pem"

        def show() -> None:
            pem = secured.authority.issue("order")
            replace(mine, pem.key.read_bytes() + pem.certificate.read_bytes())

        show()
        uri = secured.uri(tlsCertificateKeyFile=str(mine))
        async with connected(uri, driver, 10.0) as database:
            await writes(database)
            await secured.engine.stop()
            secured.authority = Authority(tmp_path, "server-ca")
            secured.show("127.0.0.1")
            await secured.start(asks_clients=True)
            with pytest.raises(errors.Unavailable):
                await writes(database)
            show()
            replace(secured.believed, secured.authority.pem)

            async def is_there() -> bool:
                try:
                    await writes(database)
                except errors.Unavailable:
                    return False
                return True

            await until(is_there)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_file_of_no_use_is_told_of_without_its_name(
    content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "canary.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match="a file for TLS") as refused:
        async with connected(f"mongodb://127.0.0.1:1/?tls=true&tlsCAFile={file}"):
            pass
    assert "canary" not in str(refused.value)
