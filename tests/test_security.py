"""The page on OWASP ASVS 5.0 leaves out no requirement of levels 1 and 2."""

import re
from collections import Counter
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "security.md"
# How many requirements of levels 1 and 2 each section of 5.0.0 has: its first ones.
SECTIONS = {
    "1": (2, 9, 11, 3, 2),
    "2": (3, 3, 4, 1),
    "3": (0, 2, 4, 6, 5, 0, 2),
    "4": (3, 1, 2, 4),
    "5": (1, 3, 2, 3),
    "6": (3, 12, 4, 4, 5, 3, 0, 4),
    "7": (3, 4, 2, 5, 2, 2),
    "8": (2, 3, 1, 1),
    "9": (3, 4),
    "10": (2, 2, 4, 11, 5, 2, 3),
    "11": (2, 3, 3, 4, 1, 1),
    "12": (3, 2, 4),
    "13": (1, 5, 2, 5),
    "14": (2, 4, 3),
    "15": (3, 3, 7),
    "16": (1, 5, 4, 3, 3),
    "17": (1, 4, 2),
}
ROW = re.compile(r"^\| (\d[\d., to]*) \| (met|not met|no subject) \| (.+) \|$", re.MULTILINE)


def named(text: str) -> list[str]:
    """The numbers of a row: `1.2.1, 1.2.3 to 1.2.5`."""
    found = []
    for part in text.split(", "):
        first, _, last = part.partition(" to ")
        section, _, begin = first.rpartition(".")
        end = (last or first).rpartition(".")[2]
        found += [f"{section}.{n}" for n in range(int(begin), int(end) + 1)]
    return found


def test_every_requirement_is_answered_once() -> None:
    wanted = {
        f"{chapter}.{section}.{n}"
        for chapter, counts in SECTIONS.items()
        for section, count in enumerate(counts, 1)
        for n in range(1, count + 1)
    }
    answered = Counter(
        name for numbers, _, _ in ROW.findall(PAGE.read_text()) for name in named(numbers)
    )
    assert len(wanted) == 253
    assert set(answered) == wanted
    assert [name for name, times in answered.items() if times > 1] == []
