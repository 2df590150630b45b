"""Import walls by what is allowed, so that whatever is installed one day is forbidden already."""

import re
import sys
from functools import cache
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

STANDARD_LIBRARY = "the standard library"


class AllowedImports(Contract):
    """Modules import what is listed and nothing else.

    - source_modules: patterns of the modules that this is about.
    - among: patterns of the imports that it judges; all of them when left out.
    - allowed: patterns of modules; `the standard library` stands for all of that.

    In patterns `*` is one name and `**` any number of them, as in import-linter's own contracts;
    `shop.**` is `shop` too.
    """

    type_name = "allowed_imports"

    source_modules = fields.ListField(subfield=fields.StringField())
    among = fields.ListField(subfield=fields.StringField(), required=False, default=["**"])
    allowed = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Finds every direct import that is not allowed."""
        sources = [name for name in sorted(graph.modules) if matches(name, self.source_modules)]
        found = [
            f"{source} imports {imported}"
            for source in sources
            for imported in sorted(graph.find_modules_directly_imported_by(source))
            if matches(imported, self.among) and not self._is_allowed(imported)
        ]
        return ContractCheck(kept=bool(sources) and not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Names them."""
        for line in check.metadata["found"] or ["no module matches source_modules"]:
            output.print_error(line)

    def _is_allowed(self, imported: str) -> bool:
        allowed: Any = self.allowed  # the linter's fields become lists of text
        return (STANDARD_LIBRARY in allowed and _is_standard(imported)) or matches(
            imported, allowed
        )


class Packages(Contract):
    """Each room imports the packages that its line lists, and no others.

    - rooms: lines of the form `server.*.*.wire.**: google`, a pattern and names of packages. The
      first line that matches a module is the one about it; a module that none matches may import
      none. The standard library and our own code are not judged here.
    """

    type_name = "packages"

    rooms = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Finds every import of a package that the importer's line does not list."""
        ours = set(self.session_options["root_packages"])
        found = [
            f"{name} imports {imported}; the packages of `{room}` are: {' '.join(packages) or '-'}"
            for name in sorted(graph.modules)
            for room, packages in [self._room_of(name)]
            for imported in sorted(graph.find_modules_directly_imported_by(name))
            if not _is_standard(imported)
            if imported.partition(".")[0] not in {*ours, *packages}
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Names them."""
        for line in check.metadata["found"]:
            output.print_error(line)

    def _room_of(self, name: str) -> tuple[str, list[str]]:
        rooms: Any = self.rooms
        for room, packages in map(line_of, rooms):
            if matches(name, [room]):
                return room, packages
        return "any other room", []


def line_of(line: str) -> tuple[str, list[str]]:
    """The pattern and the packages of a line of `Packages.rooms`."""
    room, _, packages = line.partition(":")
    return room.strip(), packages.split()


def _is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def matches(name: str, patterns: Any) -> bool:
    """Whether one of `patterns` is about the module `name`."""
    return any(_compiled(pattern).fullmatch(f".{name}") for pattern in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    names = {"**": r"(\.\w+)*", "*": r"\.\w+"}
    return re.compile("".join(names.get(name, rf"\.{name}") for name in pattern.split(".")))
