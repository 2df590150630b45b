"""Records the migrations that are new, or with `--check` says what is not as recorded."""

import argparse
import sys

from server.migrations import frozen, history


def main() -> None:
    """Does what the arguments ask for; without any, records."""
    parser = argparse.ArgumentParser(prog="python -m server.migrations", description=__doc__)
    parser.add_argument("--check", action="store_true", help="name every file that is not recorded")
    if parser.parse_args().check:
        sys.exit("\n".join(_differences()) or None)
    for folder in frozen.folders(frozen.SERVER):
        try:
            new = frozen.record(folder)
        except frozen.FrozenError as error:
            sys.exit(str(error))
        sys.stdout.writelines(f"recorded: {folder / name}\n" for name in new)


def _differences() -> list[str]:
    folders = list(frozen.folders(frozen.SERVER))
    repository = frozen.SERVER.parent
    commits = history.bases(repository)
    if not commits:
        sys.stderr.write(
            "not compared with what main has recorded: no git history with main is at hand;"
            " files are compared with checksums.txt alone\n"
        )
    return [*frozen.differences(folders), *history.missing(repository, folders, commits)]


if __name__ == "__main__":
    main()
