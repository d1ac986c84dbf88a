/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/wording_sketches.h"

#include "base/base.h"

#define EXECUTORS "from concurrent.futures import "
#define MAP "    results = list(pool.map($f, $us))"

/* Where workers import the program anew (spawn, forkserver), only the first one may start workers. */
#define MAIN "if __name__ == \"__main__\":\n"

static const char *const froms[SKETCH_FROM_COUNT] = {
    [SKETCH_FROM_LOOP] = "results = [$f($u) for $u in $us]",
    [SKETCH_FROM_THREADS] = "threads = [Thread(target=$f, args=($u,)) for $u in $us]\n"
                            "for thread in threads:\n"
                            "    thread.start()\n"
                            "for thread in threads:\n"
                            "    thread.join()",
    [SKETCH_FROM_QUEUE] = "def worker():\n"
                          "    for $u in iter(todo.get, None):\n"
                          "        $f($u)\n"
                          "\n"
                          "threads = [Thread(target=worker) for _ in range($o)]",
    [SKETCH_FROM_THREAD_POOL] = "with ThreadPoolExecutor(max_workers=$o) as pool:\n" MAP,
    [SKETCH_FROM_PROCESSES] = MAIN "    processes = [Process(target=$f, args=($u,)) for $u in $us]\n"
                                   "    for process in processes:\n"
                                   "        process.start()\n"
                                   "    for process in processes:\n"
                                   "        process.join()",
    [SKETCH_FROM_PROCESS_POOL] = MAIN "    with ProcessPoolExecutor(max_workers=$o) as pool:\n    " MAP,
    [SKETCH_FROM_POOL] = MAIN "    with Pool($o) as pool:\n"
                              "        results = list(pool.imap($f, $us))",
    [SKETCH_FROM_COROUTINES] = "",
};

static const char *const resized[SKETCH_FROM_COUNT] = {
    [SKETCH_FROM_THREAD_POOL] = "with ThreadPoolExecutor(max_workers=$w) as pool:\n" MAP,
    [SKETCH_FROM_PROCESS_POOL] = MAIN "    with ProcessPoolExecutor(max_workers=$w) as pool:\n    " MAP,
    [SKETCH_FROM_POOL] = MAIN "    with Pool($w) as pool:\n"
                              "        results = list(pool.imap($f, $us))",
};

static const char *const chunked[SKETCH_FROM_COUNT] = {
    [SKETCH_FROM_PROCESS_POOL] = MAIN "    with ProcessPoolExecutor(max_workers=$w) as pool:\n"
                                      "        results = list(pool.map($f, $us, chunksize=$b))",
    [SKETCH_FROM_POOL] = MAIN "    with Pool($w) as pool:\n"
                              "        results = list(pool.imap($f, $us, chunksize=$b))",
};

static const struct wording_sketch sketches[SKETCH_COUNT] = {
    [SKETCH_PROCESSES] =
        {
            .title = "a pool of processes",
            .imports = EXECUTORS "ProcessPoolExecutor",
            .before = "$F",
            .after = MAIN "    with ProcessPoolExecutor(max_workers=$w) as pool:\n"
                          "        chunk = max(1, len($us) // $q)\n"
                          "        results = list(pool.map($f, $us, chunksize=chunk))",
            .note = "Processes share no variables: $f() gets its item and returns its result, both by pickle, and is "
                    "defined at module level, where the workers find it.",
        },
    [SKETCH_THREADS] =
        {
            .title = "a pool of threads",
            .imports = EXECUTORS "ThreadPoolExecutor",
            .before = "$F",
            .after = "with ThreadPoolExecutor(max_workers=$w) as pool:\n" MAP,
            .note = "Results come in the order of the items. What $f() changes besides returning its result needs a "
                    "lock.",
        },
    [SKETCH_LOOP] =
        {
            .title = "a plain loop",
            .imports = "",
            .before = "$F",
            .after = "results = [$f($u) for $u in $us]",
        },
    [SKETCH_GATHER_HTTP] =
        {
            .title = "requests under way together, with aiohttp",
            .imports = "import asyncio\nimport aiohttp",
            .before = "def $f($u):\n"
                      "    return $g\n"
                      "\n"
                      "$F",
            .after = "async def $f(session, limit, $u):\n"
                     "    async with limit, session.get($u) as answer:\n"
                     "        return await answer.read()\n"
                     "\n"
                     "async def main():\n"
                     "    limit = asyncio.Semaphore($n)\n"
                     "    async with aiohttp.ClientSession() as session:\n"
                     "        tasks = ($f(session, limit, $u) for $u in $us)\n"
                     "        return await asyncio.gather(*tasks)\n"
                     "results = asyncio.run(main())",
            .after_many = "async def $f(session, $u):\n"
                          "    async with session.get($u) as answer:\n"
                          "        return await answer.read()\n"
                          "\n"
                          "async def main():\n"
                          "    limit = aiohttp.TCPConnector(limit=$n)  # 100 unless told\n"
                          "    async with aiohttp.ClientSession(connector=limit) as session:\n"
                          "        tasks = ($f(session, $u) for $u in $us)\n"
                          "        return await asyncio.gather(*tasks)\n"
                          "results = asyncio.run(main())",
            .note = "One session for all requests keeps its connections.",
            .function = "fetch",
            .item = "url",
        },
    [SKETCH_GATHER_CLIENT] =
        {
            .title = "calls under way together, as coroutines",
            .imports = "import asyncio",
            .before = "$F",
            .after = "async def main():\n"
                     "    limit = asyncio.Semaphore($n)\n"
                     "\n"
                     "    async def bounded($u):\n"
                     "        async with limit:\n"
                     "            return await $f($u)\n"
                     "\n"
                     "    return await asyncio.gather(*(bounded($u) for $u in $us))\n"
                     "\n"
                     "results = asyncio.run(main())",
            .note = "$f() becomes `async def` and awaits a client that does not block.",
            .function = "fetch",
        },
    [SKETCH_GATHER] =
        {
            .title = "awaits together, bounded by a semaphore",
            .imports = "import asyncio",
            .before = "async def main():\n"
                      "    return [await $f($u) for $u in $us]",
            .after = "async def main():\n"
                     "    limit = asyncio.Semaphore($n)\n"
                     "\n"
                     "    async def bounded($u):\n"
                     "        async with limit:\n"
                     "            return await $f($u)\n"
                     "\n"
                     "    return await asyncio.gather(*(bounded($u) for $u in $us))",
            .note = "Results come in the order of the items.",
            .function = "fetch",
        },
    [SKETCH_GATHER_PER_PROCESS] =
        {
            .title = "an event loop in each of several processes",
            .imports = "import asyncio\n" EXECUTORS "ProcessPoolExecutor",
            .before = "$F",
            .after = "async def share(part):\n"
                     "    limit = asyncio.Semaphore($n)\n"
                     "    return await asyncio.gather(*($f(limit, $u) for $u in part))\n"
                     "\n"
                     "def run(part):\n"
                     "    return asyncio.run(share(part))\n"
                     "\n" MAIN "    with ProcessPoolExecutor(max_workers=$w) as pool:\n"
                     "        parts = list(pool.map(run, [$us[k::$w] for k in range($w)]))",
            .note = "$f() becomes `async def`: it awaits its answer within `async with limit`, from a client that does "
                    "not block, and computes after that.",
        },
    [SKETCH_LOOP_PER_PROCESS] =
        {
            .title = "an event loop in each of several processes",
            .imports = EXECUTORS "ProcessPoolExecutor",
            .before = "results = asyncio.run(main($us))",
            .after = "def run(part):\n"
                     "    return asyncio.run(main(part))  # a loop of its own\n"
                     "\n" MAIN "    with ProcessPoolExecutor(max_workers=$w) as pool:\n"
                     "        parts = list(pool.map(run, [$us[k::$w] for k in range($w)]))",
            .note = "Sessions, locks and semaphores belong to one loop: make them inside main().",
        },
    [SKETCH_SERVER_WORKERS] =
        {
            .title = "several server processes behind one port",
            .imports = "",
            .before = MAIN "    uvicorn.run(app)",
            .after = MAIN "    uvicorn.run(\"main:app\", workers=$w)  # module:name",
            .note = "On the command line: --workers $w. What is kept in memory is kept once per process.",
        },
    [SKETCH_ASYNC_SLEEP] =
        {
            .title = "a sleep that leaves the event loop free",
            .imports = "import asyncio",
            .before = "async def $c(seconds):\n"
                      "    time.sleep(seconds)  # every other task sleeps, too",
            .after = "async def $c(seconds):\n"
                     "    await asyncio.sleep(seconds)",
            .coroutine = "pause",
        },
    [SKETCH_ASYNC_HTTP] =
        {
            .title = "a request that leaves the event loop free",
            .imports = "import aiohttp",
            .before = "async def $c($u):\n"
                      "    return $g  # every other task waits, too",
            .after = "async def $c(session, $u):\n"
                     "    async with session.get($u) as answer:\n"
                     "        return await answer.read()\n"
                     "\n"
                     "async def main():\n"
                     "    async with aiohttp.ClientSession() as session:  # one for all\n"
                     "        tasks = ($c(session, $u) for $u in $us)\n"
                     "        return await asyncio.gather(*tasks)",
            .coroutine = "fetch",
            .item = "url",
        },
    [SKETCH_THREADS_IN_LOOP] =
        {
            .title = "the blocking call in a bounded pool of threads",
            .imports = EXECUTORS "ThreadPoolExecutor",
            .before = "async def $c($u):\n"
                      "    return $f($u)  # blocks: no other task runs meanwhile",
            .after = "pool = ThreadPoolExecutor(max_workers=$w)  # no more at once\n"
                     "\n"
                     "async def $c($u):\n"
                     "    loop = asyncio.get_running_loop()\n"
                     "    return await loop.run_in_executor(pool, $f, $u)",
            .note = "Better still, where there is one: an asynchronous client, awaited. asyncio.to_thread($f, $u) is "
                    "shorter, and shares one pool with all its other users.",
            .function = "blocking_call",
            .coroutine = "handle",
        },
    [SKETCH_PROCESSES_IN_LOOP] =
        {
            .title = "the computing in a pool of processes beside the loop",
            .imports = EXECUTORS "ProcessPoolExecutor",
            .before = "async def $c($u):\n"
                      "    return $f($u)  # computes: no other task runs meanwhile",
            .after = "async def $c(pool, $u):\n"
                     "    loop = asyncio.get_running_loop()\n"
                     "    return await loop.run_in_executor(pool, $f, $u)\n"
                     "\n"
                     "async def main():\n"
                     "    with ProcessPoolExecutor(max_workers=$w) as pool:\n"
                     "        return await asyncio.gather(*($c(pool, $u) for $u in $us))\n"
                     "\n" MAIN "    results = asyncio.run(main())",
            .note = "$f() is a plain function at module level; its argument and its result travel by pickle.",
            .function = "compute",
            .coroutine = "handle",
        },
    [SKETCH_KEPT_SESSION] =
        {
            .title = "one session for all requests",
            .imports = "import requests",
            .before = "results = [requests.get($u).content for $u in $us]",
            .after = "with requests.Session() as session:\n"
                     "    results = [session.get($u).content for $u in $us]",
            .item = "url",
        },
    [SKETCH_SESSION_PER_THREAD] =
        {
            .title = "one session for each thread of a pool",
            .imports = "import threading\nimport requests\n" EXECUTORS "ThreadPoolExecutor",
            .before = "def $f($u):\n"
                      "    return requests.get($u).content\n"
                      "\n"
                      "$F",
            .after = "local = threading.local()\n"
                     "\n"
                     "def connect():\n"
                     "    local.session = requests.Session()\n"
                     "\n"
                     "def $f($u):\n"
                     "    return local.session.get($u).content\n"
                     "\n"
                     "with ThreadPoolExecutor(max_workers=$w, initializer=connect) as pool:\n" MAP,
            .function = "fetch",
            .item = "url",
        },
    [SKETCH_ASYNC_SESSION] =
        {
            .title = "one session for all requests",
            .imports = "import aiohttp",
            .before = "async def $c($u):\n"
                      "    async with aiohttp.ClientSession() as session:\n"
                      "        async with session.get($u) as answer:\n"
                      "            return await answer.read()",
            .after = "async def $c(session, $u):\n"
                     "    async with session.get($u) as answer:\n"
                     "        return await answer.read()\n"
                     "\n"
                     "async def main():\n"
                     "    async with aiohttp.ClientSession() as session:  # one for all\n"
                     "        tasks = ($c(session, $u) for $u in $us)\n"
                     "        return await asyncio.gather(*tasks)",
            .coroutine = "fetch",
            .item = "url",
        },
    [SKETCH_KEPT_CONNECTION] =
        {
            .title = "one connection for all items",
            .imports = "",
            .before = "results = []\n"
                      "for $u in $us:\n"
                      "    with connect() as connection:\n"
                      "        results.append(ask(connection, $u))",
            .after = "with connect() as connection:  # once\n"
                     "    results = [ask(connection, $u) for $u in $us]",
            .note = "Threads want a connection each, or the client's own pool.",
        },
    [SKETCH_CHUNKS] =
        {
            .title = "many items per message",
            .imports = "",
            .before = "$F",
            .after = "$C",
            .note = "The default of both map() of an executor and imap() of multiprocessing.Pool is 1.",
        },
    [SKETCH_QUEUE_BATCHES] =
        {
            .title = "many items per message",
            .imports = "",
            .before = "def worker(todo, done):\n"
                      "    for $u in iter(todo.get, None):\n"
                      "        done.put($f($u))\n"
                      "\n"
                      "for $u in $us:\n"
                      "    todo.put($u)",
            .after = "def worker(todo, done):\n"
                     "    for batch in iter(todo.get, None):\n"
                     "        done.put([$f($u) for $u in batch])\n"
                     "\n"
                     "for start in range(0, len($us), $b):\n"
                     "    todo.put($us[start : start + $b])",
        },
    [SKETCH_LOCAL_COUNTS] =
        {
            .title = "a result per worker, merged at the end",
            .imports = "from collections import Counter\n" EXECUTORS "ProcessPoolExecutor",
            .before = "def $f(shared, part):\n"
                      "    for key in part:\n"
                      "        shared[key] = shared.get(key, 0) + 1  # two messages each",
            .after = "def $f(part):\n"
                     "    return Counter(part)  # counted here, sent once\n"
                     "\n" MAIN "    with ProcessPoolExecutor(max_workers=$w) as pool:\n"
                     "        shared = sum(pool.map($f, parts), Counter())",
            .note = "Reading and then writing back is also wrong with several workers: what one counts between the "
                    "two messages of another is lost.",
            .function = "count",
        },
    [SKETCH_WAIT_OUTSIDE_LOCK] =
        {
            .title = "the wait before the lock is taken",
            .imports = "",
            .before = "def $f(key):\n"
                      "    with lock:\n"
                      "        cache[key] = fetch(key)  # the others wait for it, too",
            .after = "def $f(key):\n"
                     "    value = fetch(key)\n"
                     "    with lock:\n"
                     "        cache[key] = value",
            .note = "Two threads may now fetch the same key at once; the second result replaces the first.",
            .function = "refresh",
        },
    [SKETCH_MERGE_AT_END] =
        {
            .title = "a result per thread, merged at the end",
            .imports = "from collections import Counter",
            .before = "def $f(part):\n"
                      "    for key in part:\n"
                      "        with lock:\n"
                      "            counts[key] += 1",
            .after = "def $f(part):\n"
                     "    mine = Counter(part)  # nobody else sees it\n"
                     "    with lock:  # once for all of them\n"
                     "        counts.update(mine)",
            .function = "count",
        },
    [SKETCH_POOL_SIZE] =
        {
            .title = "another size of the pool",
            .imports = "",
            .before = "$F",
            .after = "$R",
        },
};

const struct wording_sketch *wording_sketch(enum sketch_id id)
{
    return (size_t)id < SKETCH_COUNT && sketches[id].title ? &sketches[id] : NULL;
}

static const char *of_from(const char *const table[SKETCH_FROM_COUNT], enum sketch_from from)
{
    return (size_t)from < SKETCH_FROM_COUNT && table[from] ? table[from] : "";
}

const char *wording_sketch_from(enum sketch_from from)
{
    return of_from(froms, from);
}

const char *wording_sketch_resized(enum sketch_from from)
{
    return of_from(resized, from);
}

const char *wording_sketch_chunked(enum sketch_from from)
{
    return of_from(chunked, from);
}
