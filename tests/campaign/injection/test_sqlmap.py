"""How what sqlmap says is read."""

from tests.campaign.injection import sqlmap

TESTED = "[12:00:00] [INFO] testing for SQL injection on (custom) POST parameter 'JSON #1*'\n"
PAYLOADS = "[12:00:00] [PAYLOAD] 1) AND 1=1\n" * 3
NOTHING = "[CRITICAL] all tested parameters do not appear to be injectable. Try to increase\n"
FOUND = """sqlmap identified the following injection point(s):
---
Parameter: JSON #1* ((custom) POST)
    Type: boolean-based blind
    Title: AND boolean-based blind - WHERE or HAVING clause

    Type: time-based blind
---
"""
FAULTS = (
    "[WARNING] HTTP error codes detected during run:\n"
    "422 (Unprocessable Entity) - 40 times, 500 (Internal Server Error) - 2 times\n"
)


def test_what_was_tried_in_vain_is_clean() -> None:
    verdict = sqlmap.read(TESTED + PAYLOADS + NOTHING)
    assert verdict.is_clean
    assert verdict.payloads == 3


def test_what_is_found_is_named_by_its_kinds() -> None:
    verdict = sqlmap.read(TESTED + PAYLOADS + FOUND)
    assert not verdict.is_clean
    assert verdict.found == ["boolean-based blind", "time-based blind"]


def test_a_fault_of_the_server_is_a_finding_too() -> None:
    verdict = sqlmap.read(TESTED + NOTHING + FAULTS)
    assert verdict.faults == [("500", "2")]
    assert not verdict.is_clean


def test_what_was_not_tried_to_its_end_is_not_clean() -> None:
    assert not sqlmap.read("").is_clean
    assert not sqlmap.read(TESTED + PAYLOADS).is_clean
    assert not sqlmap.read(NOTHING).is_clean  # of nothing
    assert not sqlmap.read(TESTED + TESTED + NOTHING).is_clean  # of more than was asked for
