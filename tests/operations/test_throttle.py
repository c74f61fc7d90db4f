"""Counting in the memory of a process: for many threads, and for a nation's phones."""

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import parse
from limits.strategies import SlidingWindowCounterRateLimiter

from obidient import throttle

PLENTY = parse("1000000/hour")
THREADS, ROUNDS = 16, 100


@pytest.fixture
def in_turns() -> Iterator[None]:
    """Threads take turns so often that what can go wrong between two of them does."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("in_turns")
def test_requests_at_one_moment_are_all_counted_and_none_fails() -> None:
    limiter = SlidingWindowCounterRateLimiter(throttle.Memory())
    together = threading.Barrier(THREADS)

    def ask(_: int) -> bool:
        together.wait()
        return limiter.hit(PLENTY, "sheets", "phone")

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(ROUNDS):
            assert all(pool.map(ask, range(THREADS)))
            # The thread of theirs has ended by then, and the next round starts another.
            time.sleep(0.012)
    left = limiter.get_window_stats(PLENTY, "sheets", "phone").remaining
    assert left == PLENTY.amount - ROUNDS * THREADS


def test_no_counter_and_no_request_starts_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise AssertionError(f"{thread} was started")

    monkeypatch.setattr(throttle, "TIDIED_EVERY", 0.0)
    monkeypatch.setattr(threading.Thread, "start", start)
    limiter = SlidingWindowCounterRateLimiter(throttle.Memory())
    assert limiter.hit(PLENTY, "sheets", "phone")


def test_what_is_over_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = throttle.Memory()
    for number in range(100):
        memory.incr(f"phone {number}", 0)
        memory.acquire_entry(f"account {number}", 5, -1)
    memory.incr("another phone", 3_600)
    memory.acquire_entry("another account", 5, 3_600)
    monkeypatch.setattr(throttle, "TIDIED_EVERY", 0.0)
    memory.incr("the last", 3_600)
    assert set(memory.expirations) == {"another phone", "the last"}
    assert set(memory.events) == {"another account"}
    assert set(memory.locks) == {"another phone", "another account", "the last"}
