"""What the limiter's processes share, and what is left when one is killed."""

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.limits.log_file import PLACES, Full, LogFile
from server.limits.rules import NS, Limit
from server.limits.store import Store, now

CLIENTS = Limit("client", 100, 60)
LOGINS = Limit("login", 5, 60)
# Calls for one client, and says so for each that was admitted, until it is killed or refused.
CALLER = """
import sys
from pathlib import Path
from server.limits.rules import Limit
from server.limits.store import Store, now
limit = Limit("client", int(sys.argv[2]), 60)
store = Store(Path(sys.argv[1]), [limit])
while store.ask([(limit, "somebody")], now())[0].admitted:
    print("admitted", flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path, [CLIENTS, LOGINS])
    yield opened
    opened.close()


def admitted(store: Store, *asked: tuple[Limit, str], calls: int, moment: int) -> int:
    answers = [store.ask(asked, moment + n) for n in range(calls)]
    return sum(all(verdict.admitted for verdict in answer) for answer in answers)


def test_each_client_has_a_count_of_its_own(store: Store) -> None:
    for client in ("one", "another", "2001:db8::/64"):
        assert admitted(store, (CLIENTS, client), calls=120, moment=now()) == 100


def test_a_call_that_one_limit_refuses_counts_in_no_other(store: Store) -> None:
    moment = now()
    both = [(CLIENTS, "one"), (LOGINS, "here")]
    assert admitted(store, *both, calls=50, moment=moment) == 5
    client, login = store.ask(both, moment + 100)
    assert (client.admitted, client.remaining) == (True, 95)
    assert (login.admitted, login.remaining) == (False, 0)
    assert admitted(store, (CLIENTS, "one"), calls=120, moment=moment + 101) == 95


def test_what_was_counted_is_there_after_a_restart(tmp_path: Path, store: Store) -> None:
    moment = now()
    assert admitted(store, (CLIENTS, "one"), calls=60, moment=moment) == 60
    again = Store(tmp_path, [CLIENTS, LOGINS])
    assert again.begun_anew == []
    assert admitted(again, (CLIENTS, "one"), calls=60, moment=moment + 60) == 40
    again.close()


def test_another_limit_begins_anew_for_its_clients_alone(tmp_path: Path, store: Store) -> None:
    wider = Limit("client", 200, 60)
    again = Store(tmp_path, [wider, LOGINS])
    assert again.begun_anew == ["client"]
    assert admitted(again, (wider, "one"), calls=300, moment=now()) == 200
    again.close()


def test_a_file_of_an_earlier_boot_is_not_believed(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("another")
    monkeypatch.setattr("server.limits.log_file.BOOT_ID", boot)
    again = Store(tmp_path, [CLIENTS, LOGINS])
    assert again.begun_anew == ["client", "login"]
    again.close()


@pytest.mark.parametrize("content", [b"", b"x" * 10_000])
def test_a_broken_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "client.log").write_bytes(content)
    again = Store(tmp_path, [CLIENTS])
    assert again.begun_anew == ["client"]
    assert admitted(again, (CLIENTS, "one"), calls=120, moment=now()) == 100
    again.close()


def test_a_machine_that_has_just_started_refuses_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.clock_gettime_ns", lambda _: NS)
    assert admitted(store, (CLIENTS, "one"), calls=120, moment=now()) == 100


def test_a_call_that_is_asked_about_again_is_counted_once(store: Store) -> None:
    moment = now()
    both = [(CLIENTS, "one"), (LOGINS, "here")]
    for n in range(5):
        for again in range(3):
            verdicts = store.ask(both, moment + 10 * n + again, b"call %d" % n)
            assert [each.admitted for each in verdicts] == [True, True]
            assert [each.remaining for each in verdicts] == [99 - n, 4 - n]
    assert not store.ask(both, moment + 100, b"call 5")[1].admitted
    assert store.ask(both, moment + 101, b"call 4")[1].admitted
    assert admitted(store, (CLIENTS, "one"), calls=120, moment=moment + 200) == 95


def test_an_id_buys_nothing_once_its_call_no_longer_counts(store: Store) -> None:
    moment = now()
    answers = [store.ask([(LOGINS, "here")], moment + n, b"the same")[0] for n in range(9)]
    assert all(each.admitted for each in answers)
    later = moment + 61 * NS
    assert store.ask([(LOGINS, "here")], later, b"the same")[0].remaining == 4
    assert store.ask([(LOGINS, "here")], later, b"another")[0].remaining == 3


def test_a_call_whose_process_died_before_it_counted_is_counted_when_asked_again(
    tmp_path: Path,
) -> None:
    """The id is written first. Without its mark it says nothing."""
    file = LogFile(tmp_path, LOGINS)
    client, moment, call = file.hashed("here"), now(), b"12345678"
    ring = file.locked(client, moment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.limits.log_file.charge", died)
        with pytest.raises(KeyboardInterrupt):
            ring.count(call, moment)
    file.unlock(client)
    ring = file.locked(client, moment)
    assert not ring.has_counted(call, moment)
    ring.count(call, moment)
    assert ring.has_counted(call, moment)
    file.unlock(client)
    del ring  # it holds on to the file
    file.close()


def died(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_full_disk_refuses_new_clients_and_keeps_the_known(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    assert admitted(store, (CLIENTS, "known"), calls=3, moment=moment) == 3

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(Full, match="No space"):
        store.ask([(CLIENTS, "late")], moment + 10)
    assert admitted(store, (CLIENTS, "known"), calls=120, moment=moment + 20) == 97
    monkeypatch.undo()
    assert admitted(store, (CLIENTS, "late"), calls=120, moment=moment + 200) == 100


def test_a_new_client_is_refused_where_all_that_are_known_still_count(tmp_path: Path) -> None:
    file = LogFile(tmp_path, LOGINS, buckets=1)
    for n in range(PLACES):
        call(file, str(n), NS * 100)
    with pytest.raises(Full):
        call(file, "late", NS * 101)
    call(file, "late", NS * 161)
    file.close()


def call(file: LogFile, client: str, moment: int) -> None:
    hashed = file.hashed(client)
    file.locked(hashed, moment).count(b"", moment)
    file.unlock(hashed)


def test_processes_share_a_count_and_a_killed_one_loses_nothing(tmp_path: Path) -> None:
    """What they said they admitted is the limit, but for what they could say no more."""
    limit = 3_000
    command = [sys.executable, "-c", CALLER, str(tmp_path), str(limit)]
    said = 0
    for _ in range(4):
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed,
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other,
        ):
            assert killed.stdout
            assert other.stdout
            said += sum(1 for _ in zip(range(200), killed.stdout, strict=False))
            killed.kill()
            said += killed.stdout.read().count("admitted\n")
            other.terminate()
            said += other.stdout.read().count("admitted\n")
    last = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    said += last.stdout.count("admitted\n")
    # Eight processes ended, each perhaps between counting and saying so; in marks of three calls.
    assert limit - 8 * 3 <= said <= limit
