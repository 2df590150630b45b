"""The one door: `python -m server SERVICE` runs a service, all else is the command line's."""

import os
import sys


def main() -> int:
    """Runs what the arguments ask for, and gives the exit code."""
    if not sys.flags.safe_path:
        # `-m` puts the current folder first, where a `random.py` would stand for Python's own.
        sys.path.append(sys.path.pop(0))
    # Imported late, as are the others: by now they come from where they should.
    import importlib

    from server.services import SERVICES

    if len(sys.argv) == 2 and sys.argv[1] in {each.name for each in SERVICES}:
        # A service's process never loads the command line's libraries: it is imported here, and
        # structlog is told that there is no rich, which it would load for colours we never print.
        sys.modules["rich"] = None  # type: ignore[assignment]  # Python's own way to say so
        # gRPC's core writes addresses to standard error that its own exceptions tell us of.
        os.putenv("GRPC_VERBOSITY", "NONE")
        app = importlib.import_module(f"server.{sys.argv[1]}.app")  # noqa: TID251 - by its name
        code: int = app.main()
        return code
    from server.cli.command_line import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
