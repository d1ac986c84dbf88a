# SPDX-License-Identifier: BSD-2-Clause
"""Replayer for CPython 3.6 and later: executes a measured profile under each model, in the target's own interpreter.

Speaks the protocol of docs/replayer-protocol.md: one JSON document a line in on stdin, one out on stdout. Knows
threading, multiprocessing (fork) and asyncio. Refuses to know why it is asked: planning and scaling are done by
replay.c. Standard library only; must run on every interpreter a target may use.
"""

import os
import time


def import_cost(*names):
    """Nanoseconds that an interpreter which has none of them takes to import these modules."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            begin = time.perf_counter()
            for name in names:
                __import__(name)
            os.write(write, b"%d" % int((time.perf_counter() - begin) * 1e9))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        taken = answer.read()
    os.waitpid(pid, 0)
    return int(taken or b"0")


# Before anything else is imported here: afterwards these would cost nothing.
THREADS_IMPORT_NS = import_cost("concurrent.futures.thread")
PROCESSES_IMPORT_NS = import_cost("concurrent.futures.process")
LOOP_IMPORT_NS = import_cost("asyncio")

import asyncio
import collections
import concurrent.futures.thread
import hashlib
import itertools
import json
import mmap
import multiprocessing
import queue
import resource
import selectors
import signal
import sys
import threading

PROTOCOL = 1
BUFFER = bytes(range(256)) * 4096  # 1 MiB: hashing it holds the interpreter lock for microseconds only
BLOCK = BUFFER[:1024]
FORK = multiprocessing.get_context("fork")
CPUS = len(os.sched_getaffinity(0))

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


def measure_rate(burn, units, busy):
    """Units of `burn` per ns of this thread's own CPU time: other processes' noise does not change the work.

    With `busy` CPUs busy: CPUs that share a core slow each other down. The fastest sample is the undisturbed one when
    alone; the median when company is wanted.
    """
    company = [FORK.Process(target=burn_on, args=(os.getpid(), burn, units), daemon=True) for _ in range(busy - 1)]
    for process in company:
        process.start()
    rates = []
    for _ in range(15):
        before = thread_cpu_ns()
        burn(units)
        rates.append(units / (thread_cpu_ns() - before))
    for process in company:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    return median(rates) if busy > 1 else max(rates)


def units_per_ms(burn, start):
    """How many units take about a millisecond."""
    units = start
    while True:
        before = thread_cpu_ns()
        burn(units)
        if thread_cpu_ns() - before >= 1e6:
            return units
        units *= 2


def calibrate_work(parallel, cpus):
    """With `parallel` CPUs busy, as they were in the measured program. Returns the slowdown with all busy."""
    company = min(cpus, CPUS)
    alone = together = 0.0
    for burn, start, name in ((burn_locked, 1000, "locked"), (burn_free, 65536, "free")):
        units = units_per_ms(burn, start)
        if name == "locked":
            alone = measure_rate(burn, units, 1)
            together = measure_rate(burn, units, company) if company > 1 else alone
            rate = alone if parallel == 1 else together if parallel == company else None
        else:
            rate = None
        setattr(Rates, name, rate or measure_rate(burn, units, parallel))
    return min(max(alone / together, 0.5), 4.0)


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
    """One arrangement: items of steps (locked units, free units, wait in s or None, lock from 1 or 0, stage,
    whether a loop hands its CPU to its executor)."""

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
        self.n_locks = max([s[3] for item in self.items for s in item] or [0])
        self.ends = list(itertools.accumulate(request.get("phases") or [len(self.items)]))
        self.lanes = request.get("lanes")
        self.stages = request.get("stages")
        self.executor = request.get("executor", 0)
        self.nothing_to_await = request.get("nothing_to_await", False)
        self.check()

    def check(self):
        """What would otherwise hang or be lost."""
        if self.ends[-1] != len(self.items) or self.ends != sorted(self.ends) or self.ends[0] < 0:
            raise ValueError("phases and items do not agree")
        most = self.workers * (self.processes if self.model == "processes+coroutines" else 1)
        if self.lanes is not None and (
            len(self.lanes) != len(self.items) or not all(0 <= lane < most for lane in self.lanes)
        ):
            raise ValueError("lanes and items do not agree")
        if self.stages is not None and (
            sum(self.stages) != self.workers
            or min(self.stages) < 1
            or any(not 0 <= s[4] < len(self.stages) for item in self.items for s in item)
        ):
            raise ValueError("stages do not agree with workers and steps")

    def step(self, raw, factor):
        locked, free, wait, lock = raw[:4]
        if not self.lock:  # nothing serialises bytecode: all CPU counts as locked
            locked, free = locked + free, 0
        return (
            int(locked * Rates.locked * factor),
            int(free * Rates.free * factor),
            wait / 1e9 * factor if wait else None,
            lock,
            raw[4] if len(raw) > 4 else 0,
            len(raw) > 5 and raw[5] == 1,
        )

    def phases(self):
        """Pairs of first item and end."""
        return zip([0] + self.ends, self.ends)

    def own_items(self, lane, first, end):
        """Numbers of the items of that lane among first..end."""
        return [index for index in range(first, end) if self.lanes[index] == lane]


def run_step(step, mutexes):
    mutex = mutexes[step[3]]
    mutex.acquire()
    work(step)
    if step[2] is not None:
        time.sleep(step[2])
    mutex.release()


def run_item(item, mutexes):
    for step in item:
        run_step(step, mutexes)


class NoMutex(object):
    def acquire(self, block=True):
        return True

    def release(self):
        pass


def make_mutexes(plan, create):
    """Those of the plan's steps, by number; 0 is none."""
    return [NoMutex()] + [create() for _ in range(plan.n_locks)]


def no_mutexes(plan):
    return make_mutexes(plan, NoMutex)


# --- Start of the clock -----------------------------------------------------------------------------------------------


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

    def __init__(self, start_ns=0, gate=None, gate_cpu_ns=0, pool=(), tasks=None, results=None, executor=None):
        self.start_ns = start_ns  # until all workers were ready
        self.gate = gate or Gate(0)
        self.gate_cpu_ns = gate_cpu_ns  # what waiting at it took of the workers' CPUs
        self.children_bytes = 0  # private memory
        self.pool, self.tasks, self.results = pool, tasks, results
        self.executor = executor

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
        if self.executor is not None:
            self.executor.shutdown()


def run_serial(plan, items):
    mutexes = no_mutexes(plan)
    for item in items:
        run_item(item, mutexes)
    return Outcome()


class Bag(object):
    """Where threads, or the tasks of a loop, get their next item: phase by phase, from all or from their own."""

    def __init__(self, plan):
        self.plan = plan
        self.queues = []

    def fill(self, first, end):
        if self.plan.lanes is None:
            bag = collections.deque(range(first, end))
            self.queues = [bag] * self.plan.workers
        else:
            self.queues = [collections.deque() for _ in range(self.plan.workers)]
            for index in range(first, end):
                self.queues[self.plan.lanes[index]].append(index)

    def take(self, lane):
        """None: the phase has no more."""
        try:
            return self.queues[lane].popleft()
        except IndexError:
            return None


class Stages(object):
    """Groups of workers that each do one part of every item and hand it on."""

    def __init__(self, plan, items, mutexes, make_queue, make_semaphore):
        self.plan, self.items, self.mutexes = plan, items, mutexes
        self.queues = [make_queue() for _ in plan.stages]
        self.finished = make_semaphore(0)  # counts what has passed the last stage

    def feed(self):
        """All items of a phase go into the first queue when all before are finished."""
        for first, end in self.plan.phases():
            for index in range(first, end):
                self.queues[0].put(index)
            for _ in range(first, end):
                self.finished.acquire()
        for queue_, count in zip(self.queues, self.plan.stages):
            for _ in range(count):
                queue_.put(None)

    def work(self, lane):
        stage = 0
        while lane >= self.plan.stages[stage]:
            lane -= self.plan.stages[stage]
            stage += 1
        while True:
            index = self.queues[stage].get()
            if index is None:
                return
            for step in self.items[index]:
                if step[4] == stage:
                    run_step(step, self.mutexes)
            if stage + 1 < len(self.queues):
                self.queues[stage + 1].put(index)
            else:
                self.finished.release()


def run_threads(plan, items):
    begin = now_ns()
    mutexes = make_mutexes(plan, threading.Lock)
    if plan.worker_per_item:
        run_one_per_item(plan, items, lambda item: threading.Thread(target=run_item, args=(item, mutexes)))
        return Outcome()
    bag, gate = Bag(plan), Gate(plan.workers)
    ready, gate_cpu_ns = [], []
    phases = list(plan.phases())
    # Stamped when the last one is ready: this thread may have to wait for a CPU before it knows.
    barrier = threading.Barrier(plan.workers + 1, action=lambda: ready.append(now_ns() - begin))
    following = iter(phases[1:])
    between = threading.Barrier(plan.workers, action=lambda: bag.fill(*next(following)))
    stages = None
    if plan.stages:
        stages = Stages(plan, items, mutexes, queue.Queue, threading.Semaphore)
    bag.fill(*phases[0])

    def worker(lane):
        barrier.wait()
        gate_cpu_ns.append(gate.wait(lane))
        if stages:
            stages.work(lane)
            return
        for phase in range(len(phases)):
            if phase:
                between.wait()
            index = bag.take(lane)
            while index is not None:
                run_item(items[index], mutexes)
                index = bag.take(lane)

    threads = [threading.Thread(target=worker, args=(lane,)) for lane in range(plan.workers)]
    for thread in threads:
        thread.start()
    barrier.wait()
    gate.open()
    if stages:
        stages.feed()
    for thread in threads:
        thread.join()
    return Outcome(ready[0], gate, sum(gate_cpu_ns))


def run_one_per_item(plan, items, create):
    """A worker is created for each item, at most plan.workers at once."""
    live = collections.deque()
    for first, end in plan.phases():
        for index in range(first, end):
            if len(live) >= plan.workers:
                live.popleft().join()
            worker = create(items[index])
            worker.start()
            live.append(worker)
        while live:
            live.popleft().join()


def one_item_process(parent, item, mutexes):
    die_with_parent(parent)
    run_item(item, mutexes)


def pool_process(parent, lane, tasks, results, items, mutexes, gate):
    die_with_parent(parent)
    results.put(("ready", 0))
    gate_cpu_ns = gate.wait(lane)
    while True:
        index = tasks.get()
        if index is None:
            break
        run_item(items[index], mutexes)
        results.put(("done", index))
    results.put(("end", (private_bytes(), gate_cpu_ns)))


class Pool(object):
    """Worker processes, what goes to them and comes back. `target` gets the arguments of pool_process() first."""

    def __init__(self, count, target, items, mutexes, *more):
        self.begin = now_ns()
        # One queue for starts and ends would not do: who is done first would take the start of who is not there yet.
        self.tasks, self.results, self.starts = FORK.SimpleQueue(), FORK.SimpleQueue(), FORK.SimpleQueue()
        self.gate = Gate(count)
        self.processes = [
            FORK.Process(
                target=target,
                args=(os.getpid(), lane, self.tasks, self.results, items, mutexes, self.gate) + (more or ()),
                daemon=True,
            )
            for lane in range(count)
        ]
        for process in self.processes:
            process.start()
        for _ in self.processes:
            self.results.get()
        self.ready_ns = now_ns() - self.begin

    def feed(self, first, end):
        """A phase of items handed over one by one, a few on the way for each worker."""
        sent, received = first, first
        while sent < end and sent < first + 4 * len(self.processes):
            self.tasks.put(sent)
            sent += 1
        if not first:
            self.gate.open()
        while received < end:
            self.results.get()
            received += 1
            if sent < end:
                self.tasks.put(sent)
                sent += 1

    def outcome(self):
        return Outcome(self.ready_ns, self.gate, pool=self.processes, tasks=self.tasks, results=self.results)


def share_process(parent, lane, tasks, results, items, mutexes, gate, work_share, starts):
    """Worker that takes its items itself: an event loop, a lane with a share of its own, or one of a stage."""
    die_with_parent(parent)
    results.put(("ready", 0))
    gate_cpu_ns = gate.wait(lane)
    starts.get()
    work_share(lane)
    results.put(("done", 0))
    tasks.get()
    results.put(("end", (private_bytes(), gate_cpu_ns)))


def run_shares(count, items, mutexes, work_share, feed=None):
    starts = FORK.SimpleQueue()
    pool = Pool(count, share_process, items, mutexes, work_share, starts)
    for _ in range(count):
        starts.put(0)
    pool.gate.open()
    if feed:
        feed()
    for _ in range(count):
        pool.results.get()
    return pool.outcome()


def meeting_place(plan, count):
    """Where processes wait for each other between phases; None when there is one phase."""
    return FORK.Barrier(count) if len(plan.ends) > 1 else None


def run_processes(plan, items):
    parent, mutexes = os.getpid(), make_mutexes(plan, FORK.Lock)
    if plan.worker_per_item:
        run_one_per_item(
            plan, items, lambda item: FORK.Process(target=one_item_process, args=(parent, item, mutexes), daemon=True)
        )
        return Outcome()
    if plan.stages:
        stages = Stages(plan, items, mutexes, FORK.SimpleQueue, FORK.Semaphore)
        return run_shares(plan.workers, items, mutexes, stages.work, stages.feed)
    if plan.lanes is not None:
        meeting = meeting_place(plan, plan.workers)

        def work_lane(lane):
            for first, end in plan.phases():
                if first:
                    meeting.wait()
                for index in plan.own_items(lane, first, end):
                    run_item(items[index], mutexes)

        return run_shares(plan.workers, items, mutexes, work_lane)
    pool = Pool(plan.workers, pool_process, items, mutexes)
    for first, end in plan.phases():
        pool.feed(first, end)
    return pool.outcome()


def new_loop():
    """Timers in microseconds: epoll rounds them up to milliseconds, which answers from a network never are."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def run_step_async(step, mutexes, shared, executor):
    if step[3]:
        await mutexes[step[3]].acquire()
        while not shared[step[3]].acquire(False):  # a loop must not block: who holds it may wait for one held here
            await asyncio.sleep(POLL)
    if executor is not None and step[5]:
        await asyncio.get_event_loop().run_in_executor(executor, work, step)
    else:
        work(step)
    if step[2] is not None:
        await asyncio.sleep(step[2])
    if step[3]:
        shared[step[3]].release()
        mutexes[step[3]].release()


async def run_loop(plan, items, phases, take, shared, executor):
    """`phases` fills the bag and yields once for each."""
    mutexes = make_mutexes(plan, asyncio.Lock)

    async def worker(task):
        while True:
            index = take(task)
            if index is None:
                return
            for step in items[index]:
                await run_step_async(step, mutexes, shared, executor)

    for _ in phases:
        await asyncio.gather(*[worker(task) for task in range(plan.workers)])


async def run_loop_of_threads(plan, items, phases, take, executor):
    """Nothing of it can be awaited: each task takes its items in a thread of the executor."""
    mutexes = make_mutexes(plan, threading.Lock)

    def worker(task):
        index = take(task)
        while index is not None:
            run_item(items[index], mutexes)
            index = take(task)

    for _ in phases:
        loop = asyncio.get_event_loop()
        await asyncio.gather(*[loop.run_in_executor(executor, worker, task) for task in range(plan.workers)])


def drive_loop(plan, items, phases, take, shared, executor=None):
    loop = new_loop()
    asyncio.set_event_loop(loop)
    try:
        if executor is not None and plan.nothing_to_await:
            loop.run_until_complete(run_loop_of_threads(plan, items, phases, take, executor))
        else:
            loop.run_until_complete(run_loop(plan, items, phases, take, shared, executor))
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def run_coroutines(plan, items):
    bag = Bag(plan)
    executor = None
    if plan.executor:
        executor = concurrent.futures.ThreadPoolExecutor(plan.workers if plan.nothing_to_await else plan.executor)
    drive_loop(plan, items, (bag.fill(*phase) for phase in plan.phases()), bag.take, no_mutexes(plan), executor)
    return Outcome(executor=executor)


def run_processes_coroutines(plan, items):
    shared, meeting, counter = make_mutexes(plan, FORK.Lock), meeting_place(plan, plan.processes), FORK.Value("L", 0)

    def work_loop(lane):
        state = {}

        def phases():
            for first, end in plan.phases():
                if first:
                    meeting.wait()
                state["end"] = end
                state["own"] = Bag(plan)
                if plan.lanes is not None:
                    state["own"].queues = [
                        collections.deque(plan.own_items(lane * plan.workers + task, first, end))
                        for task in range(plan.workers)
                    ]
                yield

        def take(task):
            if plan.lanes is not None:
                return state["own"].take(task)
            with counter.get_lock():
                index = counter.value
                if index >= state["end"]:
                    return None
                counter.value = index + 1
            return index

        drive_loop(plan, items, phases(), take, shared)

    return run_shares(plan.processes, items, shared, work_loop)


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


class Empty(object):
    """A plan of nothing, for measuring what surrounds the work."""

    n_locks, workers, lanes, stages, executor = 0, 1, None, None, 0

    def __init__(self, steps=()):
        self.items = [[step] for step in steps]

    def phases(self):
        return [(0, len(self.items))]


def process_costs():
    """Starting a worker process, and ending it."""
    starts, stops = [], []
    for _ in range(5):
        pool = Pool(1, pool_process, [], [NoMutex()])
        starts.append(pool.ready_ns)
        begin = now_ns()
        pool.outcome().finish()
        stops.append(now_ns() - begin)
    return median(starts), median(stops)


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
    pool = Pool(1, pool_process, [[]] * 400, [NoMutex()])
    begin = now_ns()
    pool.feed(0, 400)
    cost = (now_ns() - begin) // 400
    pool.outcome().finish()
    return cost


def echo_process(parent, tasks, results):
    die_with_parent(parent)
    while tasks.get() is not None:
        results.put(0)


def ipc_byte_cost():
    """Picoseconds that a byte adds on its way to a worker, pickled: 64 KiB against next to nothing."""
    tasks, results = FORK.SimpleQueue(), FORK.SimpleQueue()
    process = FORK.Process(target=echo_process, args=(os.getpid(), tasks, results), daemon=True)
    process.start()
    medians = []
    for payload in (b"", bytes(65536)):
        times = []
        for _ in range(25):
            begin = now_ns()
            tasks.put(payload)
            results.get()
            times.append(now_ns() - begin)
        medians.append(median(times))
    tasks.put(None)
    process.join()
    return max(0, (medians[1] - medians[0]) * 1000 // 65536)


def wait_cost(run, workers):
    """CPU per wait, of many short ones."""
    plan = Empty([(0, 0, 0.0001, 0, 0)] * 200)
    plan.workers = workers
    before = cpu_ns()
    run(plan, plan.items)
    return max(1, (cpu_ns() - before) // len(plan.items))


MEMORY = []  # kept for the session


def take_memory(size):
    """A fork copies the page tables of all that is resident: have as much as the target; 256 MiB or 0.1 s at most."""
    size = min(size, 256 << 20) - status_bytes("RssAnon")
    if size <= 0 or MEMORY:
        return
    MEMORY.append(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    if hasattr(MEMORY[0], "madvise") and hasattr(mmap, "MADV_NOHUGEPAGE"):
        MEMORY[0].madvise(mmap.MADV_NOHUGEPAGE)  # a heap that grew little by little has small pages
    begin, piece = now_ns(), bytes(1 << 20)
    for at in range(0, size - len(piece) + 1, len(piece)):
        MEMORY[0][at : at + len(piece)] = piece
        if now_ns() - begin > 1e8:
            break


# --- Protocol -------------------------------------------------------------------------------------------------------


def calibrate(request):
    burn_locked(1000)  # let the interpreter specialise the loop first
    parallel = max(1, min(request["parallel"], os.cpu_count() or 1))
    slowdown = calibrate_work(parallel, max(1, request.get("cpus", parallel)))
    take_memory(request.get("private_bytes", 0))
    process_start_ns, process_stop_ns = process_costs()
    return {
        "process_start_ns": process_start_ns,
        "thread_start_ns": thread_start_cost(),
        "ipc_item_ns": ipc_item_cost(),
        "ipc_byte_ps": ipc_byte_cost(),
        "loop_turn_ns": wait_cost(run_coroutines, 16),
        "thread_switch_ns": wait_cost(run_serial, 1),
        "slowdown_ppm": int(slowdown * 1e6),
        "setup_ns": {
            "threads": THREADS_IMPORT_NS,
            "coroutines": LOOP_IMPORT_NS,
            "processes": PROCESSES_IMPORT_NS + process_stop_ns,
            "processes+coroutines": LOOP_IMPORT_NS + PROCESSES_IMPORT_NS - THREADS_IMPORT_NS + process_stop_ns,
        },
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
            slack.write("1")  # waits as long as asked for: the measured ones contain the target's own slack
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
