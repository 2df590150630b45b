"""What is told of an exception: where it came from, and no value that it met there."""

import os
import re
import sys
import traceback
from typing import Any

# Whose texts are known to hold no value. A driver's text quotes rows: PostgreSQL's DETAIL says
# which e-mail was taken.
_OURS = ("server", "emporium", "tests", "builtins", "asyncio", "__main__")

# What drivers tell besides their text, and what is no value.
_FACTS = ("sqlstate", "constraint_name", "table_name", "column_name", "code")


_ERRNO = re.compile(r"\[Errno (-?\d+)\]")


def brief(error: BaseException) -> str:
    """`error` in a few words, none of which is a value: an address may hold a password.

    Our own words; of what somebody else says, the system's words for the error numbers in it, else
    its kind alone. The client's exceptions pass on the transport's words, but have a reason.
    """
    numbers = dict.fromkeys(int(number) for number in _ERRNO.findall(str(error)))
    if numbers:
        return ", ".join(
            os.strerror(number) if number > 0 else "the host's name is not known"
            for number in numbers
        )
    if type(error).__module__.startswith("emporium."):
        return getattr(error, "reason", "") or type(error).__name__
    if _is_ours(type(error)) and not isinstance(error, OSError) and str(error):
        return str(error)
    return type(error).__name__


def told(exc_info: Any) -> str:
    """The traceback of `exc_info`: an exception, a tuple as of `sys.exc_info`, or True for that."""
    if isinstance(exc_info, tuple):
        error = exc_info[1]
    else:
        error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
    if error is None:
        return ""
    whole = traceback.TracebackException.from_exception(error)
    _hide_texts(whole, error)
    return "".join(whole.format()).rstrip("\n")


def _hide_texts(told_of: traceback.TracebackException | None, error: BaseException | None) -> None:
    """Replaces the texts of others' exceptions along the chain, and in groups."""
    if told_of is None or error is None:
        return
    if not _is_ours(type(error)):
        facts = {name: getattr(error, name, None) for name in _FACTS}
        shown = ", ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
        # What it prints as the exception's text; there is no public way to set it.
        setattr(told_of, "_str", shown or "(its text may quote values)")  # noqa: B010
    _hide_texts(told_of.__cause__, error.__cause__)
    _hide_texts(told_of.__context__, error.__context__)
    if isinstance(error, BaseExceptionGroup):
        for part, inner in zip(told_of.exceptions or (), error.exceptions, strict=False):
            _hide_texts(part, inner)


def _is_ours(kind: type[BaseException]) -> bool:
    # The text of a KeyError is the key; a driver's warning is of a kind of Python's own.
    if issubclass(kind, KeyError | Warning):
        return False
    return kind.__module__.partition(".")[0] in _OURS
