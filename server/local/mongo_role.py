"""The analytics service's own role in our MongoDB."""

from typing import Any

from pymongo import AsyncMongoClient

from server.kit.dsn import dsn
from server.local.home import Home
from server.settings import Mongo

DATABASE = Mongo.mongodb_database
ROLE = "rows"
ACTIONS = ["find", "insert", "update", "remove", "changeStream", "listCollections", "listIndexes"]


async def ensure(admin_uri: str, home: Home) -> str:
    """Makes the role what it should be, and gives the URI by which the service connects.

    It reads and writes documents of its own database. Collections, indexes and validators are the
    migrations' business, and other databases nobody's. Repeatable.
    """
    password = home.secret(DATABASE)
    allowed = [{"resource": {"db": DATABASE, "collection": ""}, "actions": ACTIONS}]
    async with AsyncMongoClient[dict[str, Any]](admin_uri) as client:
        database = client[DATABASE]
        known = (await database.command("rolesInfo", ROLE))["roles"]
        verb = "updateRole" if known else "createRole"
        await database.command(verb, ROLE, privileges=allowed, roles=[])
        known = (await database.command("usersInfo", DATABASE))["users"]
        verb = "updateUser" if known else "createUser"
        await database.command(verb, DATABASE, pwd=password, roles=[ROLE])
    return dsn(admin_uri, DATABASE, password, DATABASE)
