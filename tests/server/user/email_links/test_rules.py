"""Which links to another e-mail give way to one more, and who has to wait."""

from datetime import UTC, datetime, timedelta

import pytest

from server.user.email_links.rules import ASKED_MAX, LIVE_MAX, Asked, TooManyLinks, giving_way

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)


def asked(*minutes_ago: int, is_open: bool = True) -> list[Asked]:
    return [Asked(str(n), NOW - timedelta(minutes=n), is_open) for n in minutes_ago]


@pytest.mark.parametrize(
    ("open_since", "ended"),
    [
        ((), []),
        ((1, 2), []),
        ((1, 200, 2), ["200"]),
        ((1, 200, 300, 2), ["300", "200"]),  # of before there was a limit
    ],
)
def test_the_oldest_give_way(open_since: tuple[int, ...], ended: list[str]) -> None:
    assert giving_way(asked(*open_since), NOW) == ended
    assert len(open_since) - len(ended) < LIVE_MAX


def test_what_has_ended_gives_no_way_but_was_asked_for() -> None:
    ended = asked(*range(ASKED_MAX - 1), is_open=False)
    assert giving_way(ended, NOW) == []
    with pytest.raises(TooManyLinks):
        giving_way(ended + asked(30), NOW)


def test_who_has_asked_too_often_waits_until_an_hour_is_over() -> None:
    many = asked(10, 20, 30, 40, 59)
    with pytest.raises(TooManyLinks, match="ask again in 60 s") as told:
        giving_way(many, NOW)
    assert told.value.retry_after_seconds == 60
    assert giving_way(many, NOW + timedelta(minutes=1)) == ["59", "40", "30"]
