"""The limits that a shell may set, beyond which nothing can go."""

import resource

import pytest

from server.local.checks import limits


@pytest.mark.parametrize(
    ("files", "warned"),
    [(1_024, True), (limits.FILES_MIN, False), (resource.RLIM_INFINITY, False)],
)
def test_few_files_are_a_warning(files: int, warned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, files))
    said = "".join(limits.warnings())
    assert ("ulimit -Hn" in said) == warned
    assert (str(files) in said) == warned
