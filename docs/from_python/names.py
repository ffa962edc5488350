#!/usr/bin/env python3
"""Compares the pages of this directory with the names that the installed Python has.

    python3 docs/from_python/names.py [DIRECTORY]

Fails, and says which, when a public name has no row on its module's page, or a row promises what no code of its page uses.

A module's pages are MODULE.md and MODULE_*.md. A row's names are in its first column: of each code span, the last name before a bracket. Rows below a heading with code
spans (## `Lock`, `RLock`) are about members of those; elsewhere they are about names of the module.
"""

import asyncio
import concurrent.futures
import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import multiprocessing.managers
import multiprocessing.pool
import multiprocessing.queues
import multiprocessing.shared_memory
import multiprocessing.sharedctypes
import multiprocessing.synchronize
import pathlib
import queue
import re
import socket
import socketserver
import sys
import threading
import types

def public(thing):
    return {name for name in dir(thing) if not name.startswith("_")}


def defined(module):
    """The names of a module without `__all__` for its users: no modules that it imports, no constants."""
    is_module = lambda name: isinstance(getattr(module, name), types.ModuleType)
    return {name for name in public(module) if not is_module(name) and not is_constant(name)}


def is_constant(name):
    return name.isupper() and len(name) > 1


def members(*classes):
    """The names of each class, those that it has from another of them left out."""
    return {cls.__name__: public(cls) - set().union(*(public(base) for base in classes if base in cls.__mro__[1:])) for cls in classes}


def concurrent_futures():
    futures = concurrent.futures
    extra = {"InvalidStateError"} & public(futures)
    return {"": set(futures.__all__) | extra} | members(
        futures.Executor, futures.Future, futures.ThreadPoolExecutor, futures.ProcessPoolExecutor
    )


def threads():
    names = {"": set(threading.__all__)}
    # Locks are made by functions, and a condition takes some of its methods from its lock.
    names |= {"Lock": public(threading.Lock()), "RLock": public(threading.RLock()), "Condition": public(threading.Condition())}
    names |= members(threading.Semaphore, threading.BoundedSemaphore, threading.Event, threading.Barrier)
    return names | members(threading.Thread, threading.Timer)


def processes():
    mp = multiprocessing
    names = {
        "": set(mp.__all__),
        "connection": set(mp.connection.__all__),
        "context": defined(mp.context) - set(mp.__all__),
        "managers": set(mp.managers.__all__),
        "pool": set(mp.pool.__all__) | {"AsyncResult", "MapResult"},
        "shared_memory": set(mp.shared_memory.__all__),
        "sharedctypes": set(mp.sharedctypes.__all__) - set(mp.__all__),
    }
    # As between threads: some methods are there once it is made.
    locks = (mp.Lock(), mp.RLock(), mp.Semaphore(), mp.BoundedSemaphore(), mp.Condition(), mp.Event(), mp.Barrier(1))
    names |= {type(lock).__name__: public(lock) for lock in locks}
    names |= members(mp.Process, mp.connection.Connection, mp.connection.Listener, mp.pool.AsyncResult)
    names |= members(mp.queues.Queue, mp.queues.JoinableQueue, mp.queues.SimpleQueue)
    names |= members(mp.shared_memory.SharedMemory, mp.shared_memory.ShareableList, mp.managers.SyncManager)
    names["Pool"] = public(mp.pool.Pool)
    # `multiprocessing.pool.AsyncResult` is another name of this class.
    names["AsyncResult"] = names.pop("ApplyResult")
    return names


def sockets():
    constants = {"AF_INET", "AF_INET6", "AF_UNIX", "SOCK_STREAM", "SOCK_DGRAM", "SO_REUSEADDR", "SO_KEEPALIVE", "TCP_NODELAY"}
    constants |= {"IPPROTO_IPV6", "IPV6_V6ONLY", "MSG_PEEK", "MSG_DONTWAIT", "MSG_WAITALL", "SHUT_RD", "SHUT_WR", "SHUT_RDWR"}
    functions = {name for name in defined(socket) if name[0].islower()}
    return {"": functions | (constants & public(socket)), "socket": public(socket.socket)}


def servers():
    names = members(socketserver.BaseServer, socketserver.TCPServer, socketserver.UDPServer, socketserver.ThreadingMixIn)
    names |= members(socketserver.BaseRequestHandler, socketserver.StreamRequestHandler, socketserver.DatagramRequestHandler)
    if hasattr(socketserver, "ForkingMixIn"):
        names |= members(socketserver.ForkingMixIn)
    return {"": set(socketserver.__all__)} | names


def queues():
    extra = {"ShutDown"} & public(queue)
    return {"": set(queue.__all__) | extra} | members(queue.Queue, queue.SimpleQueue)


def bridge():
    """Where asyncio meets threads, processes and other futures: its own streams and protocols are none of this."""
    names = {
        "CancelledError", "Event", "Future", "Lock", "Queue", "Semaphore", "Task", "TaskGroup", "TimeoutError", "as_completed",
        "create_task", "current_task", "gather", "run", "run_coroutine_threadsafe", "shield", "sleep", "timeout", "to_thread",
        "wait", "wait_for", "wrap_future",
    }
    of_loop = {"call_later", "call_soon_threadsafe", "run_in_executor", "run_until_complete", "set_default_executor"}
    of_loop |= {"shutdown_default_executor"}
    tasks = {"add_done_callback", "cancel", "cancelled", "done", "exception", "result"}
    return {"": names & public(asyncio), "loop": of_loop & public(asyncio.AbstractEventLoop), "Task": tasks}


PAGES = {
    "asyncio": bridge,
    "concurrent_futures": concurrent_futures,
    "multiprocessing": processes,
    "queue": queues,
    "socket": sockets,
    "socketserver": servers,
    "threading": threads,
}

SPAN = re.compile(r"`([^`]+)`")


def cells(line):
    """A bar within a cell is written with a backslash before it."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def read(page):
    """The rows of a page, each with its line's number and the owners above it, and the words of its code."""
    rows, owners, fence, code = [], [], None, []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            fence = None if fence is not None else line[3:]
        elif fence is not None:
            if fence in ("rust", "rust,no_run"):
                code.append(line.split("//")[0])
        elif line.startswith("#"):
            owners = SPAN.findall(line) if line.startswith("## ") else []
        elif line.startswith("| ") and not line.startswith("| Python |"):
            rows.append((number, owners, cells(line)))
    return rows, set(re.findall(r"\w+", "\n".join(code)))


def names_of(cell):
    """`executor.map(f, items)` is `map`."""
    return {span.split("(")[0].split(".")[-1].strip() for span in SPAN.findall(cell)}


def named_by(row, owner):
    """The names that a row has for members of an owner, or of the module: below a heading, its class, constants, and what begins
    with the module's name."""
    _, owners, (first, *_) = row
    if owner or not owners:
        return names_of(first) if owner in owners or not owner else set()
    qualified = " ".join(re.findall(r"`asyncio\.[^`]+`", first))
    return {name for name in names_of(first) if name in owners or is_constant(name)} | names_of(qualified)


def missing(module, rows, expected):
    """Names of a module that no row is about."""
    for owner, names in expected.items():
        there = set().union(*(named_by(row, owner) for row in rows))
        prefix = f"{owner}." if owner else ""
        for name in sorted(names - there):
            yield f"{module}.md: no row for {module}.{prefix}{name}"


def promised(cell):
    """What a row says to use. Arguments that are plain words stand for the user's own; a crate need not be one that is built here."""
    spans = SPAN.findall(re.sub(r"crates? `[^`]+`(, `[^`]+`)*", "", cell))
    plain = [re.sub(r'".*?"|(?<=[(,])\s*[a-z_]+\s*(?=[,)])', "", span) for span in spans]
    return {word for span in plain for word in re.findall(r"[A-Za-z_]\w{2,}", span)}


def unused(page, rows, words):
    """What a row promises and no code of its page uses, and rows with neither a promise nor a reason."""
    for number, _, (_, here, difference) in rows:
        for word in sorted(promised(here) - words):
            yield f"{page.name}:{number}: no code on the page uses `{word}`"
        if not here and not difference:
            yield f"{page.name}:{number}: neither what to use instead, nor why there is nothing"


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    complaints, count = [], 0
    for module, expected in sorted(PAGES.items()):
        names, rows = expected(), []
        count += sum(map(len, names.values()))
        for page in [directory / f"{module}.md", *sorted(directory.glob(f"{module}_*.md"))]:
            own, words = read(page)
            rows += own
            complaints += unused(page, own, words)
        complaints += missing(module, rows, names)
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"{count} names of Python {sys.version.split()[0]}, {len(complaints)} complaints")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
