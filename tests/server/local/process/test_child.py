"""Child processes: started, ended, and never orphaned."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.local.errors import ChildDied
from server.local.process.child import Child, run_once
from tests.waiting import until

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""
# Starts a child of its own, prints its pid and waits.
PARENT = """
import asyncio, sys
from pathlib import Path
from server.local.process.child import Child
async def main():
    child = Child(name="sleeper", command=["sleep", "60"], log_file=Path(sys.argv[1]))
    await child.start()
    print(child.pid, flush=True)
    await child.wait()
asyncio.run(main())
"""


def python(code: str, log_file: Path, **more: Any) -> Child:
    command = [sys.executable, "-c", code]
    return Child(name="script", command=command, log_file=log_file, **more)


async def until_logged(child: Child, text: str) -> None:
    async def logged() -> bool:
        return text in child.tail()

    await until(logged)


async def test_a_child_leads_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(
    tmp_path: Path,
) -> None:
    child = Child(name="sleeper", command=["sleep", "60"], log_file=tmp_path / "log")
    await child.start()
    assert os.getsid(child.pid) == child.pid
    await child.stop()
    assert not child.running


async def test_a_child_that_ignores_the_request_to_end_is_ended_anyway(tmp_path: Path) -> None:
    child = python(STUBBORN, tmp_path / "log", stop_timeout_seconds=0.2)
    await child.start()
    await until_logged(child, "deaf")
    await child.stop()
    assert await child.wait() == -signal.SIGKILL


async def test_a_child_that_fails_is_reported_with_its_last_log_lines_and_the_remedy(
    tmp_path: Path,
) -> None:
    code = (
        "import sys; print('one', flush=True); sys.exit('could not write: No space left on device')"
    )
    with pytest.raises(ChildDied) as raised:
        await run_once(python(code, tmp_path / "log"))
    assert raised.value.returncode == 1
    assert raised.value.tail[-1].endswith("No space left on device")
    assert "disk is full" in raised.value.remedy


async def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    child = Child(name="ghost", command=["/nowhere/ghost"], log_file=tmp_path / "log")
    with pytest.raises(ChildDied, match="/nowhere/ghost: No such file"):
        await run_once(child)


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels cannot be asked for it")
async def test_the_kernel_ends_the_children_of_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path / "log"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, [child], 5)
    assert not alive or child.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_a_child_of_root_can_be_somebody_else_and_still_enter_closed_folders(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "note").write_text("read me")
    code = f"import os; print(os.geteuid(), open({str(closed / 'note')!r}).read())"
    child = python(code, tmp_path / "log", user="nobody")
    await run_once(child)
    uid, text = child.tail()[-1].split(" ", 1)
    assert int(uid) != 0
    assert text == "read me"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_somebody_else_may_enter_closed_folders_but_not_write_there(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    code = f"open({str(closed / 'mine')!r}, 'w')"
    with pytest.raises(ChildDied, match="Permission denied"):
        await run_once(python(code, tmp_path / "log", user="nobody"))


async def test_work_that_needs_a_child_ends_with_it(tmp_path: Path) -> None:
    child = Child(name="short", command=["sleep", "0.1"], log_file=tmp_path / "log")
    await child.start()
    with pytest.raises(ChildDied, match="short ended with code 0"):
        await child.while_running(asyncio.sleep(60))

    child.command = ["sleep", "60"]
    await child.start()
    await child.while_running(asyncio.sleep(0))
    assert child.running
    await child.stop()


async def test_what_envoy_said_is_not_lost_among_addresses_of_its_code(tmp_path: Path) -> None:
    said = "2026-11-27T09:55:49Z critical assert failure. Details: fs.inotify.max_user_instances"
    trace = [f"2026-11-27T09:55:49Z error envoy_bug #{number} UNKNOWN" for number in range(16)]
    trace += [f"2026-11-27T09:55:49Z critical backtrace #{number}: [0x7f]" for number in range(16)]
    lines = "\n".join((said, *trace))
    with pytest.raises(ChildDied) as raised:
        await run_once(python(f"raise SystemExit({lines!r})", tmp_path / "log"))
    assert raised.value.tail == [said]
    assert "fs.inotify" in raised.value.remedy


async def test_a_death_is_told_by_the_lines_of_that_run_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("No space left on device\n")
    child = python("raise SystemExit('this time')", log)
    with pytest.raises(ChildDied) as raised:
        await run_once(child)
    assert (raised.value.tail, raised.value.remedy) == (["this time"], "")
    assert log.read_text().startswith("No space"), "the control: the earlier run's are there still"
