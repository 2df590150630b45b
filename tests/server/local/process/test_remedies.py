"""What last words mean."""

import pytest

from server.local.process.remedies import mend_for


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        ("mongod: error while loading shared libraries: libcurl.so.4: cannot open", "libcurl4"),
        ("envoy: error while loading shared libraries: libfoo.so: no", "library libfoo.so"),
        ("could not write to file: No space left on device", "disk is full"),
        ("could not bind IPv4 address: Address already in use", "port is in use"),
        ("FATAL:  database files are incompatible with server", "another PostgreSQL"),
        ("FATAL:  data directory /x has wrong ownership", "another user"),
        ("fork failed: Cannot allocate memory", "short of memory"),
    ],
)
def test_known_troubles_have_a_mend(line: str, mend: str) -> None:
    assert mend in mend_for(["before", line, "after"])


def test_an_unknown_trouble_has_none() -> None:
    assert mend_for(["all is well"]) == ""
