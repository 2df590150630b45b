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


@pytest.mark.skipif(platform.machine() not in GET_ATTRIBUTES, reason="another machine")
def test_a_thread_stands_back_alone_and_for_a_moment_at_a_time() -> None:
    before = told()
    with ThreadPoolExecutor(1, initializer=priority.lower, initargs=(7,)) as executor:
        policy, nice, slice_nanoseconds = executor.submit(told).result()
    assert (policy, nice) == (os.sched_getscheduler(0), 7)
    release = tuple(map(int, platform.release().split(".")[:2]))
    if release >= SHORT_SLICES_SINCE:
        assert slice_nanoseconds == priority._SLICE_NANOSECONDS < before[2]
    assert told() == before


def test_the_kernels_structure_has_the_size_of_its_first_version() -> None:
    assert struct.calcsize(priority._ATTRIBUTES.format) == 48
