"""The worktree of another revision."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.bench.tree import CHECKOUT, TreeError, checked_out, run

SHOW = "import emporium, server; print(emporium.__file__, server.__file__)"


def test_a_revision_runs_its_own_code_and_is_gone_afterwards() -> None:
    with suppress(LookupError), checked_out("HEAD") as tree:
        for file in run([str(tree.python), "-c", SHOW], Path("/")).split():
            assert Path(file).is_relative_to(tree.folder)
        assert str(tree.folder) in run(["git", "worktree", "list"], CHECKOUT)
        raise LookupError("whatever went wrong meanwhile")
    assert not tree.folder.exists()
    assert str(tree.folder) not in run(["git", "worktree", "list"], CHECKOUT)


def test_a_revision_that_does_not_exist_is_named() -> None:
    missing = pytest.raises(TreeError, match="there is no such revision: no-such-branch")
    with missing, checked_out("no-such-branch"):
        pass
