"""What sqlmap must find: an application that writes what it is asked for into its statements.

python -m tests.campaign.injection.injectable PORT DSN DATABASE
"""

import sys
from typing import Annotated

import asyncpg
import uvicorn
from fastapi import FastAPI, Header
from pydantic import BaseModel

TABLE = "CREATE TABLE things (name text); INSERT INTO things VALUES ('1'), ('2')"
_STATEMENT = "SELECT name FROM things WHERE name = '{}'"


class Thing(BaseModel):
    """A body with a name in it."""

    name: str


def application(dsn: str, database: str) -> FastAPI:
    """By each way that a name may come."""
    app = FastAPI()

    async def found(name: str) -> list[str]:
        connection = await asyncpg.connect(dsn, database=database)
        try:
            rows = await connection.fetch(_STATEMENT.format(name))
        finally:
            await connection.close()
        return [row["name"] for row in rows]

    @app.get("/by-path/{name:path}", operation_id="by_path")
    async def by_path(name: str) -> list[str]:
        return await found(name)

    @app.get("/by-query", operation_id="by_query")
    async def by_query(name: str) -> list[str]:
        return await found(name)

    @app.get("/by-header", operation_id="by_header")
    async def by_header(name: Annotated[str, Header()]) -> list[str]:
        return await found(name)

    @app.post("/by-body", operation_id="by_body")
    async def by_body(thing: Thing) -> list[str]:
        return await found(thing.name)

    return app


if __name__ == "__main__":
    _, port, dsn, database = sys.argv
    uvicorn.run(application(dsn, database), port=int(port), log_level="warning")
