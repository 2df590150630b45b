"""Known log messages and their remedies."""

import pytest

from server.local.process.remedies import remedy_for


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("mongod: error while loading shared libraries: libcurl.so.4: cannot open", "libcurl4"),
        ("envoy: error while loading shared libraries: libfoo.so: no", "library libfoo.so"),
        ("could not write to file: No space left on device", "disk is full"),
        ("could not bind IPv4 address: Address already in use", "port is in use"),
        ("FATAL:  database files are incompatible with server", "another PostgreSQL"),
        ("FATAL:  data directory /x has wrong ownership", "another user"),
        ("assert failure: inotify_fd_ >= 0. Details: fs.inotify.max_user_instances", "sysctl -w"),
        ("fork failed: Cannot allocate memory", "short of memory"),
    ],
)
def test_known_messages_have_a_remedy(line: str, remedy: str) -> None:
    assert remedy in remedy_for(["before", line, "after"])


def test_an_unknown_message_has_none() -> None:
    assert remedy_for(["all is well"]) == ""
