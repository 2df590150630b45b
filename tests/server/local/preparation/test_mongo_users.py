"""What each user may not do in the MongoDB of a home: walked, user by user."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from server.local.home import credentials
from server.services import SERVICES, Service
from tests.server.local.preparation.conftest import Databases

Client = AsyncMongoClient[dict[str, Any]]
DOCUMENTS = [service for service in SERVICES if service.mongo]

Acts = Mapping[str, Callable[[Any, str], Awaitable[Any]]]
UNAUTHORISED = 13  # MongoDB's code

# Each gets a database, and the name of a collection in it.
CHANGES_OF_COLLECTIONS: Acts = {
    "create": lambda db, _: db.create_collection("mine"),
    "make one by an insert": lambda db, _: db.mine.insert_one({"word": "mine"}),
    "drop": lambda db, name: db.drop_collection(name),
    "rename": lambda db, name: db[name].rename("mine"),
    "validator": lambda db, name: db.command("collMod", name, validator={}),
    "index": lambda db, name: db[name].create_index("mine"),
    "drop indexes": lambda db, name: db[name].drop_indexes(),
    "no validation": lambda db, name: db[name].insert_one({}, bypass_document_validation=True),
    "forget a step": lambda db, _: db.schema_steps.delete_one({"_id": "mine"}),
    "hold the lock": lambda db, _: db.locks.delete_one({"_id": "mine"}),
}
OF_ADMINS: Acts = {
    "make a user": lambda db, _: db.command("createUser", "mine", pwd="mine", roles=[]),
    "take a role": lambda db, _: db.command("grantRolesToUser", db.name, roles=["dbOwner"]),
    "make a role": lambda db, _: db.command("createRole", "mine", privileges=[], roles=[]),
    "password": lambda db, _: db.command("updateUser", db.name, pwd="mine"),
    "users": lambda db, _: db.client.admin.command("usersInfo", "admin"),
    "parameters": lambda db, _: db.client.admin.command("setParameter", 1, logLevel=0),
    "command line": lambda db, _: db.client.admin.command("getCmdLineOpts"),
    "log": lambda db, _: db.client.admin.command("getLog", "global"),
    "replica set": lambda db, _: db.client.admin.command("replSetGetConfig"),
    "oplog": lambda db, _: db.client.local["oplog.rs"].find_one(),
    "processes": lambda db, _: db.client.admin.command("currentOp", allUsers=True),
    "sync": lambda db, _: db.client.admin.command("fsync"),
}
# What nobody may, because the server has no JavaScript.
JAVASCRIPT: Acts = {
    "where": lambda db, name: db[name].find_one({"$where": "true"}),
    "function": lambda db, name: db[name].find_one(
        {"$expr": {"$function": {"body": "function() { return true }", "args": [], "lang": "js"}}}
    ),
}


async def forbidden(database: Any, name: str, acts: Acts) -> set[str]:
    """Those of the acts that the user may not do."""
    found = set()
    for act, does in acts.items():
        try:
            await does(database, name)
        except OperationFailure as error:
            if error.code == UNAUTHORISED:
                found.add(act)
    return found


def collection_of(service: Service) -> str:
    """One that the service's migrations make."""
    return {"emporium_user": "sessions", "emporium_analytics": "orders"}[service.mongo]


@pytest.mark.parametrize("service", DOCUMENTS, ids=lambda service: service.name)
async def test_a_services_user_changes_no_collection_and_is_no_admin(
    databases: Databases, service: Service
) -> None:
    uri = credentials.service_mongodb_uri(databases.mongo.uri, service, databases.home)
    async with Client(uri) as client:
        database, name = client[service.mongo], collection_of(service)
        assert await database[name].count_documents({}) == 0
        acts = {**CHANGES_OF_COLLECTIONS, **OF_ADMINS}
        assert not {*acts} - await forbidden(database, name, acts)


@pytest.mark.parametrize("service", DOCUMENTS, ids=lambda service: service.name)
async def test_the_user_that_migrates_changes_its_collections_and_is_no_admin(
    databases: Databases, service: Service
) -> None:
    uri = credentials.owner_mongodb_uri(databases.mongo.uri, service, databases.home)
    async with Client(uri) as client:
        database = client[service.mongo]
        assert not {*OF_ADMINS} - await forbidden(database, "scratch", OF_ADMINS)
        for act, does in CHANGES_OF_COLLECTIONS.items():
            await database.drop_collection("mine")
            await database.scratch.insert_one({"word": "mine"})
            assert not await forbidden(database, "scratch", {act: does})


async def test_the_acts_that_users_are_refused_are_good_ones(databases: Databases) -> None:
    async with Client(databases.mongo.uri) as client:
        assert not await forbidden(client.control, "scratch", OF_ADMINS)


@pytest.mark.parametrize("service", DOCUMENTS, ids=lambda service: service.name)
async def test_a_user_sees_its_own_database_and_no_other(
    databases: Databases, service: Service
) -> None:
    async with Client(databases.mongo.uri) as client:
        everywhere = {*await client.list_database_names(), "another"}
    strangers = everywhere - {service.mongo}
    assert strangers > {"admin", "local", "another"}
    for uri_of in (credentials.service_mongodb_uri, credentials.owner_mongodb_uri):
        uri = uri_of(databases.mongo.uri, service, databases.home)
        async with Client(uri) as client:
            assert {*await client.list_database_names()} <= {service.mongo}
            for name in strangers:
                for act in (client[name].words.find_one({}), client[name].words.insert_one({})):
                    with pytest.raises(OperationFailure, match="not authorized"):
                        await act


async def test_the_server_runs_no_javascript_for_anybody(databases: Databases) -> None:
    async with Client(databases.mongo.uri) as client:
        await client.control.words.insert_one({"word": "there"})
        for does in JAVASCRIPT.values():
            with pytest.raises(OperationFailure, match=r"(?i)javascript|script") as refusal:
                await does(client.control, "words")
            assert refusal.value.code != UNAUTHORISED


@pytest.mark.parametrize("door", ["tcp", "socket"])
async def test_nobody_enters_mongodb_without_the_password(databases: Databases, door: str) -> None:
    port = databases.mongo.port
    socket = databases.sockets / f"mongodb-{port}.sock"
    host = f"127.0.0.1:{port}" if door == "tcp" else quote(str(socket), safe="")
    asked = "directConnection=true"
    async with Client(f"mongodb://{host}/?{asked}") as client:
        with pytest.raises(OperationFailure, match="requires authentication"):
            await client.emporium_user.sessions.find_one({})
    users = {"admin": "admin"} | {
        user: each.mongo for each in DOCUMENTS for user in (each.mongo, each.mongo_owner)
    }
    for user, database in users.items():
        for password in (user, "admin"):
            guessed = f"{user}:{password}@{host}/{database}"
            async with Client(f"mongodb://{guessed}?{asked}") as client:
                with pytest.raises(OperationFailure, match="Authentication failed"):
                    await client[database].words.find_one({})
    # The same doors, with the password.
    known = f"admin:{databases.mongo.files.password()}@{host}/admin"
    async with Client(f"mongodb://{known}?{asked}") as client:
        assert await client.list_database_names()


async def test_mongodb_takes_no_older_mechanism(databases: Databases) -> None:
    older = "authMechanism=SCRAM-SHA-1&authSource=admin"
    async with Client(f"{databases.mongo.uri}&{older}") as client:
        with pytest.raises(OperationFailure, match="mechanism"):
            await client.list_database_names()
