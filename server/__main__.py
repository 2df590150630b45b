"""The one door: `python -m server user|order|analytics` runs a service, all else is the CLI's."""

import importlib
import sys

SERVICES = ("user", "order", "analytics")


def main() -> int:
    """Runs what the arguments ask for, and gives the exit code."""
    if len(sys.argv) == 2 and sys.argv[1] in SERVICES:
        # Imported here, so that a service's process never loads the command line's libraries.
        code: int = importlib.import_module(f"server.{sys.argv[1]}.app").main()
        return code
    from server.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
