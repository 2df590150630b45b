"""Errors of a cluster on one machine. Each says what is wrong and what to do about it."""


class LocalError(Exception):
    """The cluster cannot go on: the `problem`, and the `remedy` that a person can apply."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class ChildDied(LocalError):
    """A child process ended while it was needed; `tail` holds its last log lines."""

    def __init__(
        self, name: str, returncode: int | None, tail: list[str], remedy: str = ""
    ) -> None:
        ended = "is not running" if returncode is None else f"ended with {describe(returncode)}"
        lines = "".join(f"\n    {line}" for line in tail)
        super().__init__(f"{name} {ended}; its last log lines:{lines or ' none'}", remedy)
        self.name = name
        self.returncode = returncode
        self.tail = tail


def describe(returncode: int) -> str:
    """`returncode` in words: a code, or the signal that a negative one stands for."""
    return f"code {returncode}" if returncode >= 0 else f"signal {-returncode}"
