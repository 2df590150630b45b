"""Records the migrations that are new, or with `--check` says what is not as recorded."""

import argparse
import sys

from server.migrations import frozen


def main() -> None:
    """Does what the arguments ask for; without any, records."""
    parser = argparse.ArgumentParser(prog="python -m server.migrations", description=__doc__)
    parser.add_argument("--check", action="store_true", help="name every file that is not recorded")
    if parser.parse_args().check:
        sys.exit("\n".join(frozen.differences(frozen.folders(frozen.SERVER))) or None)
    for folder in frozen.folders(frozen.SERVER):
        try:
            new = frozen.record(folder)
        except frozen.FrozenError as error:
            sys.exit(str(error))
        sys.stdout.writelines(f"recorded: {folder / name}\n" for name in new)


if __name__ == "__main__":
    main()
