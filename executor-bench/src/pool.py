"""The same works for concurrent.futures.ThreadPoolExecutor: a line each, answered by a number."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

pools = {}


def warm_pool(threads):
    pool = pools.setdefault(threads, ThreadPoolExecutor(threads))
    barrier = threading.Barrier(threads)
    for future in [pool.submit(barrier.wait) for _ in range(threads)]:
        future.result()
    time.sleep(0.003)
    return pool


def triple(number):
    return number * 3


def successor(number):
    return number + 1


def nap(number):
    time.sleep(0.001)
    return number


def all_results(pool, job, count):
    started = time.perf_counter()
    futures = [pool.submit(job, number) for number in range(count)]
    total = sum(future.result() for future in futures)
    return time.perf_counter() - started, total


def submits(threads, jobs):
    elapsed, total = all_results(warm_pool(threads), triple, jobs)
    assert total == jobs * (jobs - 1) // 2 * 3
    return elapsed * 1e9 / jobs


def ping_pong(threads, trips):
    pool = warm_pool(threads)
    started = time.perf_counter()
    number = 0
    for _ in range(trips):
        number = pool.submit(successor, number).result()
    elapsed = time.perf_counter() - started
    assert number == trips
    return elapsed * 1e9 / trips


def burst(threads, bursts):
    pool = warm_pool(threads)
    times = []
    for _ in range(bursts):
        time.sleep(0.003)
        elapsed, total = all_results(pool, successor, threads)
        assert total == threads * (threads + 1) // 2
        times.append(elapsed)
    return sorted(times)[len(times) // 2] * 1e6


def idle(threads, milliseconds):
    pool = warm_pool(threads)
    started, before = time.perf_counter(), time.process_time()
    following, future = started, None
    for number in range(milliseconds):
        following = max(following + 0.001, time.perf_counter())
        time.sleep(max(0, following - time.perf_counter()))
        if future is not None:
            assert future.result() == number
        future = pool.submit(successor, number)
    used = time.process_time() - before
    cores = used / (time.perf_counter() - started)
    # As the others' pools, it is gone before the next one's turn.
    pools.pop(threads).shutdown()
    return cores


def sleeps(threads, jobs):
    elapsed, total = all_results(warm_pool(threads), nap, jobs)
    assert total == jobs * (jobs - 1) // 2
    return elapsed * 1e3


works = {"submits": submits, "ping-pong": ping_pong, "burst": burst, "idle": idle, "sleeps": sleeps}
for line in sys.stdin:
    name, *numbers = line.split()
    print(works[name](*map(int, numbers)), flush=True)
