#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Replayer for CPython 3.6 and later: executes a measured profile under each model, in the target's own interpreter.

Speaks the protocol of docs/replayer-protocol.md: one JSON document a line in on stdin, one out on stdout. Knows
threading, multiprocessing (fork) and asyncio. Refuses to know why it is asked: planning and scaling are done by
replay.c. Standard library only; must run on every interpreter a target may use.
"""

import asyncio
import collections
import hashlib
import itertools
import json
import mmap
import multiprocessing
import os
import resource
import selectors
import sys
import threading
import time

PROTOCOL = 1
BUFFER = bytes(range(256)) * 4096  # 1 MiB: hashing it holds the interpreter lock for microseconds only
BLOCK = BUFFER[:1024]
FORK = multiprocessing.get_context("fork")

try:
    import ctypes

    LIBC = ctypes.CDLL(None)
except Exception:  # an interpreter built without ctypes: the process group is killed by replay.c all the same
    LIBC = None


def now_ns():
    return int(time.perf_counter() * 1e9)


def die_with_parent(parent):
    """No child survives its replayer, however that ends."""
    if LIBC is not None:
        LIBC.prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != parent:
        os._exit(1)


# --- Work -----------------------------------------------------------------------------------------------------------


def burn_locked(blocks):
    """Short hashes: hashlib keeps the interpreter lock below 2,048 bytes (HASHLIB_GIL_MINSIZE).

    Bytecode would be more alike, but its speed depends on where in memory its integers happen to lie: the same loop
    took 10 % longer in one process than in the next, which models would be blamed for. This one stays within 1 %.
    """
    update = hashlib.sha256().update
    for _ in itertools.repeat(None, blocks):
        update(BLOCK)


def burn_free(size):
    """One long hash: runs without the interpreter lock."""
    digest = hashlib.sha256()
    while size >= len(BUFFER):
        digest.update(BUFFER)
        size -= len(BUFFER)
    if size:
        digest.update(memoryview(BUFFER)[:size])


def thread_cpu_ns():
    return time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID) * 1e9


def units_per_ns(burn, start, parallel):
    """Units of `burn` per ns of this thread's own CPU time: other processes' noise does not change the work.

    With `parallel` CPUs busy, as they were in the measured program: CPUs that share a core slow each other down. The
    fastest sample is the undisturbed one when alone; the median when company is wanted.
    """
    units = start
    while True:
        before = thread_cpu_ns()
        burn(units)
        if thread_cpu_ns() - before >= 1e6:
            break
        units *= 2
    company = [FORK.Process(target=burn_on, args=(os.getpid(), burn, units), daemon=True) for _ in range(parallel - 1)]
    for process in company:
        process.start()
    rates = []
    for _ in range(15):
        before = thread_cpu_ns()
        burn(units)
        rates.append(units / (thread_cpu_ns() - before))
    for process in company:
        process.terminate()
        process.join()
    return median(rates) if parallel > 1 else max(rates)


def burn_on(parent, burn, units):
    die_with_parent(parent)
    while True:
        burn(units)


class Rates:
    locked = 0.0
    free = 0.0


def work(step):
    """The CPU of one step."""
    if step[0]:
        burn_locked(step[0])
    if step[1]:
        burn_free(step[1])


class Plan(object):
    """One arrangement: items of steps (locked units, free units, wait in s or None, critical)."""

    def __init__(self, request):
        self.model = request["model"]
        self.workers = request["workers"]
        self.processes = request["processes"]
        self.worker_per_item = request["worker_per_item"]
        self.lock = request["interpreter_lock"]
        self.switch_interval = request["switch_interval_ns"] / 1e9
        self.items, self.empty = [], []
        steps = iter(request["steps"])
        for count in request["items"]:
            full = [next(steps) for _ in range(count)]
            self.items.append([self.step(s, 1.0) for s in full])
            self.empty.append([self.step(s, 0.0) for s in full])

    def step(self, raw, factor):
        locked, free, wait, critical = raw
        if not self.lock:  # nothing serialises bytecode: all CPU counts as locked
            locked, free = locked + free, 0
        return (
            int(locked * Rates.locked * factor),
            int(free * Rates.free * factor),
            wait / 1e9 * factor if wait else None,
            bool(critical),
        )


def run_step(step, mutex):
    if step[3]:
        mutex.acquire()
    work(step)
    if step[2] is not None:
        time.sleep(step[2])
    if step[3]:
        mutex.release()


def run_item(item, mutex):
    for step in item:
        run_step(step, mutex)


class NoMutex(object):
    def acquire(self):
        pass

    def release(self):
        pass


# --- Start of the clock -----------------------------------------------------------------------------------------------


CPUS = len(os.sched_getaffinity(0))
POLL = 0.0001  # s


def current_cpu():
    """From 1; 1 where it can't be known."""
    return LIBC.sched_getcpu() % 255 + 1 if LIBC is not None else 1


class Gate(object):
    """Where workers wait for the start of the clock, in the end running, until each has a CPU of its own.

    Of workers that are woken from sleep, two may share a CPU for milliseconds until the scheduler spreads them: in a
    short sample that would count as a tenth. Where there are more workers than CPUs it stands open.
    """

    CLOSED, SPREADING, OPEN = range(3)

    def __init__(self, workers):
        self.workers = workers if 1 < workers <= CPUS else 0
        self.seen = mmap.mmap(-1, 1 + self.workers)  # state, then where each worker runs
        self.waited_ns = 0  # of the opener's time

    def wait(self, lane):
        """Returns what it took of this worker's CPU."""
        if not self.workers:
            return 0
        begin = thread_cpu_ns()
        while self.seen[0] == self.CLOSED:
            time.sleep(POLL)
        while self.seen[0] == self.SPREADING:
            self.seen[1 + lane] = current_cpu()
            burn_free(4096)  # not sched_yield(): Linux 6.18 makes who yields wait for its CPU later
        return int(thread_cpu_ns() - begin)

    def open(self):
        """Asleep meanwhile, so that all CPUs are the workers'; 20 ms at most."""
        if not self.workers:
            return
        begin = now_ns()
        self.seen[0] = self.SPREADING
        while now_ns() - begin < 2e7:
            time.sleep(POLL)
            cpus = set(self.seen[1:])
            if 0 not in cpus and len(cpus) == self.workers:
                break
        self.seen[0] = self.OPEN
        self.waited_ns = now_ns() - begin


# --- Models: each returns what became of it; run_plan() has the clock -------------------------------------------------


class Outcome(object):
    """What the wall clock and the CPU clock can't tell."""

    def __init__(self, start_ns=0, gate=None, gate_cpu_ns=0, pool=(), tasks=None, results=None):
        self.start_ns = start_ns  # until all workers were ready
        self.gate = gate or Gate(0)
        self.gate_cpu_ns = gate_cpu_ns  # what waiting at it took of the workers' CPUs
        self.children_bytes = 0  # private memory
        self.pool, self.tasks, self.results = pool, tasks, results

    def finish(self):
        """End the children, after the clock has stopped: a pool's shutdown is not part of the work."""
        for _ in self.pool:
            self.tasks.put(None)
        for _ in self.pool:
            _, (size, gate_cpu_ns) = self.results.get()
            self.children_bytes += size
            self.gate_cpu_ns += gate_cpu_ns
        for process in self.pool:
            process.join()


def run_serial(plan, items):
    for item in items:
        run_item(item, NoMutex())
    return Outcome()


def run_threads(plan, items):
    begin = now_ns()
    mutex = threading.Lock()
    if plan.worker_per_item:
        run_one_per_item(plan, items, lambda item: threading.Thread(target=run_item, args=(item, mutex)))
        return Outcome()
    bag, gate = collections.deque(items), Gate(plan.workers)
    ready, gate_cpu_ns = [], []
    # Stamped when the last one is ready: this thread may have to wait for a CPU before it knows.
    barrier = threading.Barrier(plan.workers + 1, action=lambda: ready.append(now_ns() - begin))

    def worker(lane):
        barrier.wait()
        gate_cpu_ns.append(gate.wait(lane))
        while True:
            try:
                item = bag.popleft()
            except IndexError:
                return
            run_item(item, mutex)

    threads = [threading.Thread(target=worker, args=(lane,)) for lane in range(plan.workers)]
    for thread in threads:
        thread.start()
    barrier.wait()
    gate.open()
    for thread in threads:
        thread.join()
    return Outcome(ready[0], gate, sum(gate_cpu_ns))


def run_one_per_item(plan, items, create):
    """A worker is created for each item, at most plan.workers at once."""
    live = collections.deque()
    for item in items:
        if len(live) >= plan.workers:
            live.popleft().join()
        worker = create(item)
        worker.start()
        live.append(worker)
    for worker in live:
        worker.join()


def one_item_process(parent, item, mutex):
    die_with_parent(parent)
    run_item(item, mutex)


def pool_process(parent, lane, tasks, results, items, mutex, gate):
    die_with_parent(parent)
    results.put(("ready", 0))
    gate_cpu_ns = gate.wait(lane)
    while True:
        index = tasks.get()
        if index is None:
            break
        run_item(items[index], mutex)
        results.put(("done", index))
    results.put(("end", (private_bytes(), gate_cpu_ns)))


def run_processes(plan, items):
    begin, parent, mutex = now_ns(), os.getpid(), FORK.Lock()
    if plan.worker_per_item:
        run_one_per_item(
            plan, items, lambda item: FORK.Process(target=one_item_process, args=(parent, item, mutex), daemon=True)
        )
        return Outcome()
    tasks, results, gate = FORK.SimpleQueue(), FORK.SimpleQueue(), Gate(plan.workers)
    pool = [
        FORK.Process(target=pool_process, args=(parent, lane, tasks, results, items, mutex, gate), daemon=True)
        for lane in range(plan.workers)
    ]
    for process in pool:
        process.start()
    for _ in pool:
        results.get()
    ready = now_ns() - begin
    sent, received = 0, 0
    while sent < len(items) and sent < 4 * plan.workers:
        tasks.put(sent)
        sent += 1
    gate.open()
    while received < len(items):
        results.get()
        received += 1
        if sent < len(items):
            tasks.put(sent)
            sent += 1
    return Outcome(ready, gate, pool=pool, tasks=tasks, results=results)


def new_loop():
    """Timers in microseconds: epoll rounds them up to milliseconds, which answers from a network never are."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def run_step_async(step, mutex, shared):
    if step[3]:
        await mutex.acquire()
        shared.acquire()
    work(step)
    if step[2] is not None:
        await asyncio.sleep(step[2])
    if step[3]:
        shared.release()
        mutex.release()


async def run_loop(workers, take, shared):
    mutex = asyncio.Lock()

    async def worker():
        while True:
            item = take()
            if item is None:
                return
            for step in item:
                await run_step_async(step, mutex, shared)

    await asyncio.gather(*[worker() for _ in range(workers)])


def drive_loop(workers, take, shared):
    loop = new_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(run_loop(workers, take, shared))
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def run_coroutines(plan, items):
    bag = collections.deque(items)
    drive_loop(plan.workers, lambda: bag.popleft() if bag else None, NoMutex())
    return Outcome()


def loop_process(parent, lane, starts, tasks, results, items, counter, workers, mutex, gate):
    die_with_parent(parent)
    results.put(("ready", 0))
    gate_cpu_ns = gate.wait(lane)
    starts.get()

    def take():
        with counter.get_lock():
            index = counter.value
            counter.value += 1
        return items[index] if index < len(items) else None

    drive_loop(workers, take, mutex)
    results.put(("done", 0))
    tasks.get()
    results.put(("end", (private_bytes(), gate_cpu_ns)))


def run_processes_coroutines(plan, items):
    begin, parent, mutex = now_ns(), os.getpid(), FORK.Lock()
    tasks, results, gate = FORK.SimpleQueue(), FORK.SimpleQueue(), Gate(plan.processes)
    # One queue for starts and ends would not do: who is done first would take the start of who is not there yet.
    starts, counter = FORK.SimpleQueue(), FORK.Value("L", 0)
    pool = [
        FORK.Process(
            target=loop_process,
            args=(parent, lane, starts, tasks, results, items, counter, plan.workers, mutex, gate),
            daemon=True,
        )
        for lane in range(plan.processes)
    ]
    for process in pool:
        process.start()
    for _ in pool:
        results.get()
    ready = now_ns() - begin
    for _ in pool:
        starts.put(0)
    gate.open()
    for _ in pool:
        results.get()
    return Outcome(ready, gate, pool=pool, tasks=tasks, results=results)


MODELS = {
    "serial": run_serial,
    "threads": run_threads,
    "coroutines": run_coroutines,
    "processes": run_processes,
    "processes+coroutines": run_processes_coroutines,
}

# --- Costs and memory -----------------------------------------------------------------------------------------------


def status_bytes(key):
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(key):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def private_bytes():
    """Resident memory of this process that it shares with nobody."""
    total = 0
    try:
        with open("/proc/self/smaps_rollup") as rollup:
            for line in rollup:
                if line.startswith("Private_"):
                    total += int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return 0
    return total


def reset_peak():
    """VmHWM starts again from what is resident now (proc(5), clear_refs)."""
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass
    return status_bytes("VmRSS")


def cpu_ns():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime) * 1e9)


def median(values):
    return sorted(values)[len(values) // 2]


def process_start_cost():
    times = []
    for _ in range(5):
        tasks, results = FORK.SimpleQueue(), FORK.SimpleQueue()
        begin = now_ns()
        process = FORK.Process(
            target=pool_process, args=(os.getpid(), 0, tasks, results, [], NoMutex(), Gate(0)), daemon=True
        )
        process.start()
        results.get()
        times.append(now_ns() - begin)
        Outcome(pool=[process], tasks=tasks, results=results).finish()
    return median(times)


def thread_start_cost():
    times = []
    for _ in range(50):
        begin = now_ns()
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        times.append(now_ns() - begin)
    return median(times)


def ipc_item_cost():
    """With a few items on the way, as a pool has them: what an item costs, not how long it travels."""
    tasks, results = FORK.SimpleQueue(), FORK.SimpleQueue()
    process = FORK.Process(
        target=pool_process, args=(os.getpid(), 0, tasks, results, [[]] * 400, NoMutex(), Gate(0)), daemon=True
    )
    process.start()
    results.get()
    begin = now_ns()
    for index in range(8):
        tasks.put(index)
    for index in range(400):
        results.get()
        if index + 8 < 400:
            tasks.put(index + 8)
    cost = (now_ns() - begin) // 400
    Outcome(pool=[process], tasks=tasks, results=results).finish()
    return cost


# --- Protocol -------------------------------------------------------------------------------------------------------


def calibrate(request):
    burn_locked(1000)  # let the interpreter specialise the loop first
    parallel = max(1, min(request["parallel"], os.cpu_count() or 1))
    Rates.locked = units_per_ns(burn_locked, 1000, parallel)
    Rates.free = units_per_ns(burn_free, 65536, parallel)
    return {
        "process_start_ns": process_start_cost(),
        "thread_start_ns": thread_start_cost(),
        "ipc_item_ns": ipc_item_cost(),
    }


PLANS = {}


def add_plan(request):
    PLANS[request["plan"]] = Plan(request)
    return {}


def run_plan(request):
    plan = PLANS[request["plan"]]
    items = plan.empty if request["empty"] else plan.items
    sys.setswitchinterval(plan.switch_interval)
    baseline = reset_peak()
    cpu_before, begin = cpu_ns(), now_ns()
    outcome = MODELS[plan.model](plan, items)
    wall = now_ns() - begin - outcome.gate.waited_ns
    outcome.finish()
    peak = max(0, status_bytes("VmHWM") - baseline)
    return {
        "wall_ns": max(wall, 1),
        "start_ns": min(outcome.start_ns, wall),
        "cpu_ns": max(0, cpu_ns() - cpu_before - outcome.gate_cpu_ns),
        "peak_rss_bytes": peak + outcome.children_bytes,
    }


OPERATIONS = {"calibrate": calibrate, "plan": add_plan, "run": run_plan}


def answer(line):
    try:
        request = json.loads(line)
        response = OPERATIONS[request["op"]](request)
        response["ok"] = True
    except Exception as error:
        response = {"ok": False, "error": "%s: %s" % (type(error).__name__, error)}
    return response


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else may write into the protocol
    try:
        with open("/proc/self/timerslack_ns", "w") as slack:
            slack.write("1")
    except OSError:
        pass
    version = "%d.%d.%d" % sys.version_info[:3]
    greeting = {"replayer": "cpython", "protocol": PROTOCOL, "version": version}
    print(json.dumps(greeting), file=out, flush=True)
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps(answer(line)), file=out, flush=True)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # whoever asked is gone
        os._exit(1)
