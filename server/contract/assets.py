"""Files of installed packages that the edge serves as they are: Swagger UI and ReDoc.

`python -m server.contract.assets FOLDER` copies them, for an edge in a container.
"""

import functools
import gzip
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

# Where envoy/routes.yaml has them.
CONTAINER = "/etc/emporium/docs/"

# `drf-spectacular-sidecar` has them for Django, which it needs for nothing here.
_PACKAGE = "drf-spectacular-sidecar"
_FOLDER = "drf_spectacular_sidecar/static/drf_spectacular_sidecar"
_FILES = (
    "redoc/bundles/redoc.standalone.js",
    "swagger-ui-dist/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css",
)


def installed() -> Iterator[Path]:
    """The files, where the package has them."""
    package = distribution(_PACKAGE)
    return (Path(str(package.locate_file(f"{_FOLDER}/{name}"))) for name in _FILES)


def copy(into: Path) -> None:
    """Copies them into the folder `into`, which is made if it is not there; each by gzip, too."""
    into.mkdir(parents=True, exist_ok=True)
    for file in installed():
        shutil.copyfile(file, into / file.name)
        Path(into, f"{file.name}.gz").write_bytes(_packed(file))


@functools.cache
def _packed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), mtime=0)


if __name__ == "__main__":
    copy(Path(sys.argv[1]))
