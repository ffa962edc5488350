"""The works of a manager for Python's: a line each, answered by a number."""

import multiprocessing
import sys
import time


def timed(steps, step):
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - started) * 1e9 / steps


def main():
    with multiprocessing.Manager() as manager:
        value, lock, queue = manager.Value("i", 0), manager.Lock(), manager.Queue()

        def update():
            with lock:
                value.value += 1

        def pass_on():
            queue.put(1)
            assert queue.get() == 1

        def hold():
            with lock:
                pass

        works = {"get": lambda: value.value, "update": update, "queue": pass_on, "lock": hold}
        for line in sys.stdin:
            name, steps = line.split()
            print(timed(int(steps), works[name]), flush=True)


if __name__ == "__main__":
    main()
