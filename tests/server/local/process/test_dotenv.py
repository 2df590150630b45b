"""`.env`, as people write it."""

from pathlib import Path

import pytest

from server.local.process.dotenv import read

KNOWN = {"LOG_LEVEL", "CORS_ORIGINS", "POSTGRES_PASSWORD"}


def read_text(folder: Path, text: str) -> tuple[dict[str, str], list[str]]:
    file = folder / ".env"
    file.write_text(text, "utf-8")
    return read(file, KNOWN)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("LOG_LEVEL=debug", "debug"),
        ("export LOG_LEVEL = debug  # for now", "debug"),
        ('LOG_LEVEL="debug" # quoted', "debug"),
        ("LOG_LEVEL='a # b'", "a # b"),
        ("LOG_LEVEL=a#b", "a#b"),
        ("LOG_LEVEL=http://a http://b", "http://a http://b"),
        ("\ufeffLOG_LEVEL=a=b\r", "a=b"),
    ],
)
def test_a_line_says_what_compose_would_read(tmp_path: Path, line: str, value: str) -> None:
    assert read_text(tmp_path, f"{line}\n\n# A comment\n") == ({"LOG_LEVEL": value}, [])


@pytest.mark.parametrize("line", ["LOG_LEVEL=", "LOG_LEVEL=  # nothing", 'LOG_LEVEL=""'])
def test_an_empty_value_says_nothing(tmp_path: Path, line: str) -> None:
    assert read_text(tmp_path, line) == ({}, [])


def test_an_unknown_name_is_a_warning_with_the_line_and_what_may_be_meant(tmp_path: Path) -> None:
    said, warnings = read_text(tmp_path, "LOG_LEVEL=debug\nLOGLEVEL=hunter2\nTEA=black\n")
    assert said == {"LOG_LEVEL": "debug"}
    near, far = warnings
    assert "line 2 does not count: there is no setting LOGLEVEL; did you mean LOG_LEVEL?" in near
    assert "no setting TEA; see .env.example" in far
    assert "hunter2" not in near


@pytest.mark.parametrize("line", ["LOG_LEVEL", "=debug", 'LOG_LEVEL="open', "LOG LEVEL=hunter2"])
def test_a_line_that_is_none_is_a_warning_that_repeats_nothing(tmp_path: Path, line: str) -> None:
    said, (warning,) = read_text(tmp_path, line)
    assert said == {}
    assert warning.endswith("line 1 does not count: it is not NAME=value")


def test_without_a_file_nothing_is_said_and_an_unreadable_one_is_a_warning(tmp_path: Path) -> None:
    assert read(tmp_path / ".env", KNOWN) == ({}, [])
    (tmp_path / ".env").write_bytes(b"LOG_LEVEL=\xff")
    said, (warning,) = read(tmp_path / ".env", KNOWN)
    assert said == {}
    assert warning.endswith("not UTF-8 text")
