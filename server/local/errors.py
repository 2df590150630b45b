"""What can go wrong with a cluster on one machine. Each says what is wrong and how to mend it."""


class LocalError(Exception):
    """Something stands in the way of the cluster: `problem`, and the `mend` for a person to do."""

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(f"{problem}\n{mend}" if mend else problem)
        self.problem = problem
        self.mend = mend


class ChildDied(LocalError):
    """A child process ended while it was needed. `tail` holds its last log lines."""

    def __init__(self, name: str, returncode: int | None, tail: list[str], mend: str = "") -> None:
        ended = "is gone" if returncode is None else f"ended with {describe(returncode)}"
        lines = "".join(f"\n    {line}" for line in tail)
        super().__init__(f"{name} {ended}; its last words:{lines or ' none'}", mend)
        self.name = name
        self.returncode = returncode
        self.tail = tail


def describe(returncode: int) -> str:
    """`returncode` as a person says it: a code, or the signal that a negative one stands for."""
    return f"code {returncode}" if returncode >= 0 else f"signal {-returncode}"
