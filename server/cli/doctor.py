"""`emporium doctor`: what this machine lacks, and what to do about it."""

import typer
from rich.console import Console
from rich.text import Text

from server.cli import options as shared
from server.local.checks.doctor import examine
from server.local.home.folder import Home

MARKS = {"ok": ("✓ ", "green"), "warning": ("! ", "yellow"), "error": ("✗ ", "red")}


def doctor(home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Check Python, libraries, programs, ports and disks; the exit code is 0 without errors."""
    console = Console()
    findings = examine(Home.at(home))
    for finding in findings:
        console.print(Text.assemble(MARKS[finding.state], finding.text), soft_wrap=True)
        if finding.remedy:
            console.print(Text.assemble(("  → ", "yellow"), finding.remedy), soft_wrap=True)
    raise typer.Exit(int(any(finding.state == "error" for finding in findings)))
