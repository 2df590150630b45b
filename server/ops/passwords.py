"""How an operator hands over a password: typed twice, or in a file; never as an argument.

Arguments are seen by everybody who lists the processes of the machine, and kept by the shell.
"""

import os
import stat
import sys
from getpass import getpass
from pathlib import Path

STDIN = "-"


class PasswordError(Exception):
    """No password can be had; says why, and how to hand one over."""


def password_from(file: str) -> str:
    """The password in `file`, which is its one line; `-`: standard input, empty: asks.

    Raises `PasswordError`.
    """
    if file:
        return _one_line(_read(file), "standard input" if file == STDIN else file)
    if not sys.stdin.isatty():
        raise PasswordError("there is no terminal to ask for a password; send --password-file")
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise PasswordError("these are two different passwords")
    return password


def _one_line(text: str, where: str) -> str:
    password = text.removesuffix("\n").removesuffix("\r")
    if "\n" in password or "\r" in password:
        raise PasswordError(f"{where} has several lines; a password is one")
    return password


def _check_mode(file: str, mode: int) -> None:
    """Raises where everybody on this machine can read or change it; a pipe is nobody else's."""
    if stat.S_ISREG(mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
        raise PasswordError(f"everybody on this machine can open {file}: chmod o= it")


def _read(file: str) -> str:
    try:
        if file == STDIN:
            return sys.stdin.read()
        with Path(file).open(encoding="utf-8") as stream:
            _check_mode(file, os.fstat(stream.fileno()).st_mode)
            return stream.read()
    except OSError as error:
        raise PasswordError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PasswordError(f"{file} holds what is no UTF-8") from error
