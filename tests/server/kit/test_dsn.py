"""URLs of databases, read back as drivers read them."""

from urllib.parse import unquote, urlsplit

import pytest

from server.cli.options import admin_url
from server.kit.dsn import dsn

SERVER = "postgresql://admin:p%40ss@db.example:5433/postgres?sslmode=require"
ODD = "a/b@c:d#e?f%20 é+"


@pytest.mark.parametrize(
    "url",
    [dsn(SERVER, ODD, ODD, "emporium_user"), admin_url("", "db.example", 5433, ODD, ODD)],
)
def test_any_password_can_be_part_of_a_url(url: str) -> None:
    parts = urlsplit(url)
    assert (parts.hostname, parts.port) == ("db.example", 5433)
    assert unquote(parts.username or "") == ODD
    assert unquote(parts.password or "") == ODD


def test_all_but_the_role_and_the_database_stays_as_it_is() -> None:
    url = dsn(SERVER, "emporium_user", "secret", "emporium_user")
    assert url == (
        "postgresql://emporium_user:secret@db.example:5433/emporium_user?sslmode=require"
    )
