"""Serves until it is told to end."""

import sys

import uvicorn


def main() -> None:
    """One worker. The log line of each call is the application's own, so uvicorn's is off."""
    uvicorn.run(
        "tests.bench.fastapi_app.app:app",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
