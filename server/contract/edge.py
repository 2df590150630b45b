"""What Envoy reads: the descriptor, the transcoder's services, a route per rpc, scripts, and the
OpenAPI document that it serves.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import assets, event_streams, limits, replies, routes, rpcs
from server.contract import image as images
from server.contract.openapi import document
from server.contract.protoc import ROOT

NOTE = "# Made from protos/ and envoy/{source} by `make generate`; not to be edited.\n"

# Each script that Envoy runs, of the files below envoy/: the later ones know the earlier by name.
SCRIPTS = {
    "rest.lua": (
        "guard.lua",
        "json_text.lua",
        "refusals.lua",
        "unreadable.lua",
        "oauth.lua",
        "errors.lua",
        "rest.lua",
    ),
    "body_fields.lua": ("guard.lua", "json_text.lua", "body_fields.lua"),
}


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run generated below `root`; the folder has no hand-written files."""
    yield from (path for path in root.glob("envoy/generated/*") if path.is_file())


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes the files below `into` and returns their paths.

    What the contract does not say, such as timeouts, is read from envoy/routes.yaml and
    envoy/transcoder.yaml. Exits with a sentence for each message that rest.lua could not wrap, and
    for limits that an rpc names and the contract does not define.
    """
    if complaints := list(replies.misplaced(image)):
        raise SystemExit("\n".join(complaints))
    folder = into / "envoy/generated"
    known = rpcs.read(image)
    classes = limits.read(image)
    if unknown := {rpc.limit for rpc in known if rpc.limit} - limits.of_rpcs(classes):
        raise SystemExit(f"no class of rpcs is named {', '.join(sorted(unknown))}")
    template = _template("routes.yaml")
    openapi = _openapi(image, folder)
    etags = {each["file"]: _etag(_served(each["file"], folder)) for each in template["documents"]}
    return [
        openapi,
        images.write(_descriptors(image, known), folder / "emporium.pb"),
        _write(folder, "transcoder.yaml", _transcoder(known, _template("transcoder.yaml"))),
        _write(folder, "routes.yaml", routes.configuration(known, template, etags)),
        _write(folder, "answers.yaml", routes.answers(template, etags), "routes.yaml"),
        _limits(folder, limits.configuration(classes)),
        *(_script(folder, name) for name in SCRIPTS),
    ]


def _descriptors(image: FileDescriptorSet, known: list[rpcs.Rpc]) -> FileDescriptorSet:
    return event_streams.as_bytes(images.without_comments(image), known)


def _served(file: str, folder: Path) -> Path:
    """Where a file that Envoy serves comes from; `folder` has those that are being generated."""
    if file.startswith(assets.CONTAINER):
        return next(each for each in assets.installed() if each.name == Path(file).name)
    name = file.removeprefix("/etc/envoy/")
    return folder.parent / name if name.startswith("generated/") else ROOT / "envoy" / name


def _etag(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _openapi(image: FileDescriptorSet, folder: Path) -> Path:
    path = folder / "openapi.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document.make(image), indent=1, ensure_ascii=False) + "\n")
    return path


def script(names: Sequence[str], source: Path = ROOT / "envoy") -> str:
    """Some files of `source` as one: Envoy loads one and knows no folder of them."""
    *parts, last = (source / name for name in names)
    return (
        "".join(
            f"local {part.stem} = (function()\n\n{part.read_text()}\nend)()\n\n" for part in parts
        )
        + last.read_text()
    )


def _script(folder: Path, name: str) -> Path:
    sources = ", ".join(f"envoy/{each}" for each in SCRIPTS[name])
    note = f"-- Made from {sources} by `make generate`; not to be edited.\n"
    path = folder / name
    path.write_text(note + script(SCRIPTS[name]))
    return path


def _transcoder(known: list[rpcs.Rpc], template: dict[str, Any]) -> dict[str, Any]:
    services = sorted({rpc.service for rpc in known if rpc.bindings})
    return {
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": "transcoder",
        "typed_config": {**template, "services": services},
    }


def _limits(folder: Path, configuration: dict[str, Any]) -> Path:
    path = folder / "limits.yaml"
    source = "# Made from protos/emporium/options/v1/limits.proto"
    note = f"{source} by `make generate`; not to be edited.\n"
    path.write_text(note + yaml.dump(configuration, Dumper=_Plain, sort_keys=False, width=100))
    return path


def _template(name: str) -> dict[str, Any]:
    template: dict[str, Any] = yaml.safe_load(Path(ROOT, "envoy", name).read_text())
    return template


def _write(folder: Path, name: str, resource: dict[str, Any], source: str = "") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # Envoy reads a file source in the format of a management server: a list of resources.
    answer = yaml.dump({"resources": [resource]}, Dumper=_Plain, sort_keys=False, width=100)
    path.write_text(NOTE.format(source=source or name) + answer)
    return path


class _Plain(yaml.SafeDumper):
    """Writes no YAML aliases, so that each route can be read by itself."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
