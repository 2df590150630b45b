"""URLs of databases, with passwords of any characters."""

from urllib.parse import quote, urlsplit, urlunsplit


def credentials(role: str, password: str) -> str:
    """`role:password`, as the part of a URL before its `@`."""
    return f"{quote(role, safe='')}:{quote(password, safe='')}"


def dsn(admin_dsn: str, role: str, password: str, database: str) -> str:
    """The URL of `database` on the same server, as `role`. Also takes MongoDB's URIs."""
    parts = urlsplit(admin_dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        parts._replace(netloc=f"{credentials(role, password)}@{host}", path=f"/{database}")
    )


def at_database(admin_dsn: str, database: str) -> str:
    """The URL of `database` on the same server, as the same role."""
    return urlunsplit(urlsplit(admin_dsn)._replace(path=f"/{database}"))
