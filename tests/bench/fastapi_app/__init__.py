"""What REST is compared with: the same reads of users, as users of FastAPI and SQLModel write them.

    python -m tests.bench.fastapi_app PORT

It reads `DATABASE_URL` (the table is the user service's own), `JWKS_FILE` and `RATE_LIMIT`, such as
`100/minute`. One process on uvloop and httptools, with a token check, a moving window in memory for
each caller, and a log line a call: what the edge and the user service do of all that they do.

Where there are several usual ways, this is the one that costs least: no middleware of Starlette's
base class, no dependency in a thread, JSON written by Pydantic, connections that are kept.
"""
