"""Databases of users for the rows to read."""

from dataclasses import dataclass
from functools import partial

from emporium.type.v1 import role_pb2
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.wire import timestamp
from tests.bench.stage import Stage

# Ids as the service makes them: by time of creation, a second apart.
_FILL = """
    INSERT INTO users (id, email, full_name, age, role, status, created_at, updated_at, version)
    SELECT uuidv7(make_interval(secs => n - $1)), 'user' || n || '@bench.example', 'User ' || n,
           20 + n % 60, 'CUSTOMER', CASE WHEN n % 10 = 0 THEN 'DISABLED' ELSE 'ACTIVE' END,
           now() + make_interval(secs => n - $1), now(), 1
    FROM generate_series(1, $1) AS n
"""
_ANY = "SELECT * FROM users ORDER BY id OFFSET $1 LIMIT 1"


@dataclass(frozen=True)
class Users:
    """A filled database, and one of its users."""

    database_url: str
    someone: pb.User


async def filled(stage: Stage, count: int) -> Users:
    """A user database with `count` users."""
    return await stage.once(f"{count} users", partial(_fill, stage, count))


async def _fill(stage: Stage, count: int) -> Users:
    database_url = await stage.new_database("user", f"_{count}")
    async with stage.admin(database_url) as connection:
        await connection.execute(_FILL, count, timeout=120)
        await connection.execute("VACUUM ANALYZE users")
        row = await connection.fetchrow(_ANY, count // 2)
    assert row is not None, "a user database was to be filled and is empty"
    return Users(
        database_url,
        pb.User(
            id=str(row["id"]),
            email=row["email"],
            full_name=row["full_name"],
            age=row["age"],
            role=role_pb2.CUSTOMER,
            status=pb.User.Status.Value(row["status"]),
            created_at=timestamp(row["created_at"]),
            updated_at=timestamp(row["updated_at"]),
            etag=str(row["version"]),
        ),
    )
