"""The client as others install it: its wheel, in an environment that has nothing else of ours."""

import importlib.metadata
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import emporium

ROOT = Path(__file__).parents[2]
# Imports every module, and says where the package was found.
IMPORT_ALL = """
import importlib, pkgutil, emporium
for found in pkgutil.walk_packages(emporium.__path__, "emporium."):
    if found.name != "emporium.__main__":  # the command, which needs the extras
        importlib.import_module(found.name)
print(emporium.__file__)
print(emporium.__version__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from this checkout, by what builds it anywhere, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_installs_nothing_outside_of_emporium(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert tops == {"emporium", f"emporium-{emporium.__version__}.dist-info"}


def test_the_wheel_says_whose_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith("/METADATA"))
        told = archive.read(name).decode().partition("\n\n")[0].splitlines()
        assert name.replace("METADATA", "licenses/LICENSE") in archive.namelist()
    assert f"Version: {emporium.__version__}" in told
    assert "License-Expression: Apache-2.0" in told
    assert "Author: The Emporium maintainers" in told


def test_a_fresh_environment_imports_it_with_nothing_but_its_dependencies(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv")
    (packages,) = (tmp_path / "venv").glob("lib/*/site-packages")
    with zipfile.ZipFile(wheel) as archive:  # which is all that installing a pure wheel does
        archive.extractall(packages)
    for path in set(needed("emporium")):
        (packages / path.name).symlink_to(path)

    python = tmp_path / "venv" / "bin" / "python"
    ran = subprocess.run(
        [python, "-I", "-c", IMPORT_ALL], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
    file, version = ran.stdout.split()
    assert Path(file).is_relative_to(packages)
    assert version == emporium.__version__


def needed(name: str) -> Iterator[Path]:
    """What the dependencies of `name`, without extras, have installed at the top."""
    for line in importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = importlib.metadata.distribution(requirement.name)
        for file in found.files or ():
            if file.parts[0] not in {"..", "__pycache__"}:
                yield Path(str(found.locate_file(file.parts[0])))
        yield from needed(requirement.name)
