"""The console script `emporium`: the operators' command, where the server's code is installed."""

import importlib.util
import sys

NO_SERVER = """\
The command `emporium` runs Emporium itself, so it works from a checkout of its code: clone it and
run `make up` there. This installation holds the client alone: `import emporium`.\
"""


def main() -> int:
    """Runs the command line of the server's code; without that code, says where it runs."""
    try:
        return _command_line()
    except KeyboardInterrupt:
        return 130  # Ctrl-C while modules are still being loaded; later the commands see to it


def _command_line() -> int:
    try:
        found = importlib.util.find_spec("server.cli") is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        print(NO_SERVER, file=sys.stderr)
        return 1
    from server.cli.command_line import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
