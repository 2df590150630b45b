"""Generates the files derived from the protos, or with `--check` names the stale ones."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import image as images
from server.contract.protoc import ROOT


class Part(Protocol):
    """A module that generates one kind of file."""

    def generate(self, image: FileDescriptorSet, into: Path) -> list[Path]:
        """Writes every file below `into`, at its path in the repository."""

    def owned(self, root: Path) -> Iterator[Path]:
        """Finds every file below `root` that it generated before."""


def main() -> None:
    """Runs the command that the arguments name; by default generates."""
    arguments = _arguments()
    image = images.build()
    if arguments.image:
        images.write(image, arguments.image)
    elif arguments.release:
        images.write(images.without_comments(image), images.RELEASED)
    else:
        sys.exit(_derive(image, check=arguments.check))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m server.contract", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="name every stale file")
    choice.add_argument("--image", type=Path, metavar="FILE", help="write the image that buf reads")
    choice.add_argument("--release", action="store_true", help="make this the released contract")
    return parser.parse_args()


def _derive(image: FileDescriptorSet, *, check: bool) -> str | None:
    """Generates into a temporary folder, then copies what differs, or reports it with `check`.

    Equal files are not touched, so that programs that watch them see no change.
    """
    for part in _parts():
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder)
            differences = _differences(part, image, fresh)
            if differences and check:
                named = [f"{state}: {path}" for path, state in differences.items()]
                return "\n".join([*named, "update with: make generate"])
            for path in differences:
                _replace(ROOT / path, fresh / path)
    return None


def _parts() -> Iterator[Part]:
    """Yields the stubs first: the others import them to read our options, and so come later."""
    from server.contract import stubs

    yield stubs
    from server.contract import (
        access,
        edge,
        events,
        grpcurl,
        http_file,
        limiter,
        postman,
        published,
        reference,
    )

    yield edge
    yield published
    yield access
    yield http_file
    yield postman
    yield grpcurl
    yield reference
    yield events
    yield limiter


def _differences(part: Part, image: FileDescriptorSet, fresh: Path) -> dict[Path, str]:
    """Maps each path that differs to its state: missing, extra or stale."""
    made = {path.relative_to(fresh) for path in part.generate(image, fresh)}
    present = {path.relative_to(ROOT) for path in part.owned(ROOT)}
    states = {path: _state(ROOT / path, fresh / path) for path in sorted(made | present)}
    return {path: state for path, state in states.items() if state}


def _state(present: Path, fresh: Path) -> str:
    if not present.exists():
        return "missing"
    if not fresh.exists():
        return "extra"
    return "" if present.read_bytes() == fresh.read_bytes() else "stale"


def _replace(present: Path, fresh: Path) -> None:
    if not fresh.exists():
        present.unlink()
        return
    present.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(fresh, present)


if __name__ == "__main__":
    main()
