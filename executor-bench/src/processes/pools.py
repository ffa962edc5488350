"""The works of the process pools for those of Python: a line each, answered by a number.

The only argument says which pool: `executor`, `pool` or `loky`.
"""

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def successor(number):
    return number + 1


def echo(payload):
    return payload


class Executor:
    """`concurrent.futures`, and whatever has its interface."""

    def __init__(self, make, processes):
        self.pool = make(processes)

    def submit(self, job, argument):
        return self.pool.submit(job, argument)

    def result(self, future):
        return future.result()

    def map(self, job, items, chunk):
        return list(self.pool.map(job, items, chunksize=chunk or 1))

    def close(self):
        self.pool.shutdown()


class Pool:
    """`multiprocessing.Pool`."""

    def __init__(self, processes):
        self.pool = multiprocessing.Pool(processes)

    def submit(self, job, argument):
        return self.pool.apply_async(job, (argument,))

    def result(self, future):
        return future.get()

    def map(self, job, items, chunk):
        return self.pool.map(job, items, chunksize=chunk or None)

    def close(self):
        self.pool.terminate()
        self.pool.join()


def new_pool(processes):
    if kind == "executor":
        return Executor(ProcessPoolExecutor, processes)
    if kind == "loky":
        from loky import ProcessPoolExecutor as Loky

        return Executor(Loky, processes)
    return Pool(processes)


def warm_pool(processes):
    if processes not in pools:
        pools[processes] = pool = new_pool(processes)
        for future in [pool.submit(time.sleep, 0.05) for _ in range(2 * processes)]:
            pool.result(future)
    return pools[processes]


def ping_pong(trips):
    pool = warm_pool(1)
    number = 0
    started = time.perf_counter()
    for _ in range(trips):
        number = pool.result(pool.submit(successor, number))
    elapsed = time.perf_counter() - started
    assert number == trips
    return elapsed * 1e9 / trips


def pipelined(processes, jobs):
    pool = warm_pool(processes)
    started = time.perf_counter()
    futures = [pool.submit(successor, number) for number in range(jobs)]
    total = sum(pool.result(future) for future in futures)
    elapsed = time.perf_counter() - started
    assert total == jobs * (jobs + 1) // 2
    return elapsed * 1e9 / jobs


def mapped(processes, items, chunk):
    pool = warm_pool(processes)
    started = time.perf_counter()
    total = sum(pool.map(successor, range(items), chunk))
    elapsed = time.perf_counter() - started
    assert total == items * (items + 1) // 2
    return elapsed * 1e9 / items


def start(repeats):
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        pool = new_pool(1)
        assert pool.result(pool.submit(successor, 1)) == 2
        times.append(time.perf_counter() - started)
        pool.close()
    return sorted(times)[len(times) // 2] * 1e6


def payload(size, repeats):
    pool = warm_pool(1)
    sent = bytes(range(256)) * (size // 256) + bytes(size % 256)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        received = pool.result(pool.submit(echo, sent))
        times.append(time.perf_counter() - started)
        assert received == sent
    return sorted(times)[len(times) // 2] * 1e6


def descriptors(jobs):
    pool = warm_pool(1)
    blocker = pool.submit(time.sleep, 2)
    before = len(os.listdir("/proc/self/fd"))
    futures = [pool.submit(successor, number) for number in range(jobs)]
    after = len(os.listdir("/proc/self/fd"))
    pool.result(blocker)
    assert sum(pool.result(future) for future in futures) == jobs * (jobs + 1) // 2
    return after - before


works = {
    "ping-pong": ping_pong,
    "pipelined": pipelined,
    "map": mapped,
    "start": start,
    "payload": payload,
    "descriptors": descriptors,
}

# Where processes are not forked, each of them runs this file.
if __name__ == "__main__":
    kind, pools = sys.argv[1], {}
    for line in sys.stdin:
        name, *numbers = line.split()
        print(works[name](*map(int, numbers)), flush=True)
    for pool in pools.values():
        pool.close()
