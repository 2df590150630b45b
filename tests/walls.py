"""Import walls by what is allowed, so that whatever is installed one day is forbidden already."""

import sys
from fnmatch import fnmatchcase
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

STANDARD_LIBRARY = "the standard library"


class AllowedImports(Contract):
    """Modules import what is listed and nothing else.

    - source_modules: patterns of the modules that this is about.
    - among: patterns of the imports that it judges; all of them when left out.
    - allowed: patterns of modules; `the standard library` stands for all of that.

    In patterns `*` is any text, dots included.
    """

    type_name = "allowed_imports"

    source_modules = fields.ListField(subfield=fields.StringField())
    among = fields.ListField(subfield=fields.StringField(), required=False, default=["*"])
    allowed = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Finds every direct import that is not allowed."""
        sources = [name for name in sorted(graph.modules) if _matches(name, self.source_modules)]
        found = {
            f"{source} imports {imported}"
            for source in sources
            for imported in graph.find_modules_directly_imported_by(source)
            if _matches(imported, self.among) and not self._is_allowed(imported)
        }
        return ContractCheck(kept=bool(sources) and not found, metadata={"found": sorted(found)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Names them."""
        for line in check.metadata["found"] or ["no module matches source_modules"]:
            output.print_error(line)

    def _is_allowed(self, imported: str) -> bool:
        allowed: Any = self.allowed  # the linter's fields become lists of text
        is_standard = imported.partition(".")[0] in sys.stdlib_module_names
        return (is_standard and STANDARD_LIBRARY in allowed) or _matches(imported, allowed)


def _matches(name: str, patterns: Any) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
