"""Typed Python stubs, in the folder of the client, which ships them.

They leave out the validation rules: a client applies none, and a `buf.validate` of ours, as a
module or as names in the one descriptor pool of a process, would conflict with anybody else's.
"""

import sysconfig
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import protoc, rules

# The first line of every generated file, and of no file written by hand.
MARK = "by `make generate`; not to be edited"


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run generated below `root`."""
    for path in root.glob("clients/emporium/**/*.py*"):
        if path.suffix in {".py", ".pyi"} and MARK in path.read_text().partition("\n")[0]:
            yield path


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes every stub below `into`, each with a note of its origin; returns their paths."""
    clients = into / "clients"
    clients.mkdir(parents=True, exist_ok=True)
    bare = rules.stripped(image)
    left = {file.name for file in bare.file}
    ours = [source for source in protoc.sources() if source in left]
    _messages(ours, bare, clients)
    _services(
        [file.name for file in bare.file if file.service and file.name in ours], bare, clients
    )
    written = [path for source in ours for path in _sign(source, clients)]
    return written + _packages(ours, clients)


def _messages(sources: list[str], image: FileDescriptorSet, clients: Path) -> None:
    protoc.run(
        plugin("protoc-gen-mypy"),
        f"--python_out={clients}",
        f"--mypy_out=readable_stubs:{clients}",
        files=sources,
        image=image,
    )


def _services(sources: list[str], image: FileDescriptorSet, clients: Path) -> None:
    """Only for files with a service: for the others protoc would write an empty module."""
    protoc.run(
        plugin("protoc-gen-mypy_grpc"),
        f"--grpc_python_out={clients}",
        # Emporium uses grpc.aio only; without the synchronous stubs no call needs overloads.
        f"--mypy_grpc_out=only_async,readable_stubs:{clients}",
        files=sources,
        image=image,
    )


def plugin(name: str) -> str:
    """Points protoc at the plugin of this virtual environment, activated or not."""
    return f"--plugin={name}={Path(sysconfig.get_path('scripts'), name)}"


def _sign(source: str, clients: Path) -> list[Path]:
    """Puts a first line into each stub that names its `source`."""
    stem = clients / source.removesuffix(".proto")
    written = [path for path in stem.parent.iterdir() if path.name.startswith(f"{stem.name}_pb2")]
    for path in written:
        path.write_text(f"# Made from protos/{source} {MARK}.\n{path.read_text()}")
    return written


def _packages(sources: list[str], clients: Path) -> list[Path]:
    """Makes packages of the folders below emporium/, whose own `__init__.py` is written by hand."""
    folders = {folder for source in sources for folder in Path(source).parents}
    written = []
    for folder in sorted(folders - {Path(), Path("emporium")}):
        path = clients / folder / "__init__.py"
        path.write_text(f'"""Stubs of protos/{folder.as_posix()}, made {MARK}."""\n')
        written.append(path)
    return written
