"""Threads that stand back, as the kernel tells of them."""

import ctypes
import os
import platform
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.kit import priority

GET_ATTRIBUTES = {"x86_64": 315, "aarch64": 275}
SHORT_SLICES_SINCE = (6, 12)


def told() -> tuple[int, int, int]:
    """Policy, nice and slice of the calling thread."""
    content = ctypes.create_string_buffer(priority._ATTRIBUTES.size)
    number, thread = GET_ATTRIBUTES[platform.machine()], threading.get_native_id()
    assert ctypes.CDLL(None).syscall(number, thread, content, len(content), 0) == 0
    _, policy, _, nice, _, slice_nanoseconds, _, _ = priority._ATTRIBUTES.unpack(content)
    return policy, nice, slice_nanoseconds


def release() -> tuple[int, ...]:
    """Of the kernel."""
    return tuple(map(int, platform.release().split(".")[:2]))


@pytest.mark.skipif(platform.machine() not in GET_ATTRIBUTES, reason="another machine")
def test_a_thread_stands_back_alone_and_for_a_moment_at_a_time() -> None:
    before = told()
    with ThreadPoolExecutor(1, initializer=priority.lower, initargs=(7,)) as executor:
        policy, nice, slice_nanoseconds = executor.submit(told).result()
    assert (policy, nice) == (os.SCHED_BATCH, 7)
    if release() >= SHORT_SLICES_SINCE:
        assert slice_nanoseconds == priority._SLICE_NANOSECONDS < before[2]
    assert told() == before


@pytest.mark.skipif(platform.machine() not in GET_ATTRIBUTES, reason="another machine")
def test_a_batch_job_is_prompt_while_it_asks_for_it() -> None:
    def told_in_turn() -> list[tuple[int, int, int]]:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        before = told()
        relax = priority.prompt()
        within = told()
        relax()
        return [before, within, told()]

    with ThreadPoolExecutor(1) as executor:
        before, within, after = executor.submit(told_in_turn).result()
    assert before[0] == os.SCHED_BATCH
    assert (within[0], within[1]) == (os.SCHED_OTHER, before[1])
    if release() >= SHORT_SLICES_SINCE:
        assert within[2] == priority._SLICE_NANOSECONDS < before[2]
    assert after == before


def test_the_kernels_structure_has_the_size_of_its_first_version() -> None:
    assert struct.calcsize(priority._ATTRIBUTES.format) == 48
