// SPDX-License-Identifier: BSD-2-Clause
/*
 * Replayer for Node.js 16 and later: executes a measured profile under each model, in the target's own node.
 *
 * Speaks the protocol of docs/replayer-protocol.md: one JSON document a line in on stdin, one out on stdout. Knows
 * worker_threads, child_process.fork and promises. Refuses to know why it is asked: planning and scaling are done by
 * replay.c. Nothing but node's own modules.
 *
 * One file, four roles: the replayer, a worker thread, a worker process, and the clock of an event loop.
 */
'use strict';

const { createHash } = require('crypto');
const { fork } = require('child_process');
const fs = require('fs');
const os = require('os');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const PROTOCOL = 1;
const BLOCK = Buffer.alloc(4096, 1);
const STEP = 4; // numbers of a step: units of work, wait in ms (below 0: none), lock from 1 (0: none), stage
const POLL_MS = 0.1;

const sleeper = new Int32Array(new SharedArrayBuffer(4)); // nobody wakes who waits on it

function nowMs() {
  const [seconds, ns] = process.hrtime(); // one clock for all threads, unlike performance.now()
  return seconds * 1e3 + ns / 1e6;
}

const toNs = (ms) => Math.max(0, Math.round(ms * 1e6));
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

function readFile(path) {
  try {
    return fs.readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

// --- Work -----------------------------------------------------------------------------------------------------------

/* Hashes of a fixed block: compiled code, so that it takes the same time before and after V8 has optimised the loop. */
function burn(units) {
  if (units <= 0) return;
  const hash = createHash('sha256');
  for (let i = 0; i < units; i++) hash.update(BLOCK);
}

const readSchedstat = () => readFile('/proc/thread-self/schedstat').split(' ').map(Number); // ns on CPU, waited, switches

/*
 * CPU time of this thread; where the kernel does not count it, of the process. The kernel sums up when it switches, which
 * a wait so short may be over without: until then the sum is that of the last time.
 */
function threadCpuMs() {
  const [ns, , before] = readSchedstat();
  if (ns >= 0) {
    for (let ms = 0.02; ms < 10; ms *= 2) {
      Atomics.wait(sleeper, 0, 0, ms);
      const [now, , switches] = readSchedstat();
      if (switches !== before) return now / 1e6;
    }
  }
  const usage = process.cpuUsage();
  return (usage.user + usage.system) / 1e3;
}

/* A blocking wait, precise to microseconds: setTimeout() only knows whole milliseconds. */
function sleepSync(ms) {
  const end = nowMs() + ms;
  for (let left = ms; left > 0; left = end - nowMs()) Atomics.wait(sleeper, 0, 0, left);
}

/* Timers inherit it; the measured waits contain the target's own slack. */
function tightenTimers() {
  try {
    fs.writeFileSync('/proc/self/timerslack_ns', '1');
  } catch {
    // an old kernel: 50 us late then
  }
}

/*
 * Timers of an event loop that are precise, as answers from a network are: a thread sleeps until the next deadline and
 * then sends a message, which wakes the loop as a packet would.
 */
class Clock {
  constructor(slots) {
    const shared = new SharedArrayBuffer(16 + 8 * slots);
    this.control = new Int32Array(shared, 0, 2); // changes; a word to order memory by
    this.target = new Float64Array(shared, 8, 1); // until when the thread sleeps
    this.deadlines = new Float64Array(shared, 16, slots).fill(Infinity);
    this.resolve = new Array(slots);
    this.thread = startThread({ role: 'clock', shared, slots });
    this.ready = new Promise((resolve, reject) => {
      this.thread.once('message', resolve);
      this.thread.once('error', reject);
    }).then(() => this.thread.on('message', (slots_) => this.ring(slots_)));
  }

  ring(slots) {
    for (const slot of slots) this.resolve[slot]();
  }

  /* One wait at a time for each slot. */
  sleep(slot, ms) {
    return new Promise((resolve) => {
      const deadline = nowMs() + ms;
      this.resolve[slot] = resolve;
      this.deadlines[slot] = deadline;
      Atomics.add(this.control, 1, 1);
      if (deadline < this.target[0]) {
        Atomics.add(this.control, 0, 1);
        Atomics.notify(this.control, 0);
      }
    });
  }

  end() {
    return this.thread.terminate();
  }
}

function runClock({ shared, slots }) {
  const control = new Int32Array(shared, 0, 2);
  const target = new Float64Array(shared, 8, 1);
  const deadlines = new Float64Array(shared, 16, slots);
  parentPort.postMessage(0);
  for (;;) {
    target[0] = Infinity; // from here on every new deadline is announced
    Atomics.add(control, 1, 1);
    const changes = Atomics.load(control, 0);
    const now = nowMs();
    const due = [];
    let next = Infinity;
    for (let i = 0; i < slots; i++) {
      if (deadlines[i] <= now) {
        deadlines[i] = Infinity;
        due.push(i);
      } else if (deadlines[i] < next) {
        next = deadlines[i];
      }
    }
    if (due.length) {
      parentPort.postMessage(due);
    } else {
      target[0] = next;
      Atomics.wait(control, 0, changes, next === Infinity ? Infinity : next - now);
    }
  }
}

// --- Plans ----------------------------------------------------------------------------------------------------------

let unitsPerMs = 1;

/* One arrangement. Steps lie in shared memory, as STEP numbers each. */
class Plan {
  constructor(request) {
    const count = request.items.reduce((sum, n) => sum + n, 0);
    if (!(count <= request.steps.length)) throw new Error('steps and items do not agree');
    this.model = request.model;
    this.workers = request.workers;
    this.processes = request.processes;
    this.perItem = request.worker_per_item;
    this.nItems = request.items.length;
    this.first = new Int32Array(new SharedArrayBuffer(4 * (this.nItems + 1)));
    request.items.forEach((n, i) => (this.first[i + 1] = this.first[i] + n));
    this.steps = this.fill(request.steps, 1);
    this.empty = this.fill(request.steps, 0);
    this.nLocks = request.steps.reduce((most, step) => Math.max(most, step[3]), 0);
    let end = 0;
    this.ends = (request.phases || [this.nItems]).map((n) => (end += n));
    this.lanes = request.lanes || null;
    this.stages = request.stages || null;
    this.check(end, request.steps);
  }

  /* What would otherwise hang or be lost. */
  check(end, steps) {
    const lanes = this.workers * (this.model === 'processes+coroutines' ? this.processes : 1);
    if (!(this.workers >= 1) || !(this.processes >= 1)) throw new Error('no workers');
    if (end !== this.nItems || this.ends.some((at, i) => at < (this.ends[i - 1] || 0)))
      throw new Error('phases and items do not agree');
    if (this.lanes && (this.lanes.length !== this.nItems || !this.lanes.every((lane) => lane >= 0 && lane < lanes)))
      throw new Error('lanes and items do not agree');
    if (!this.stages) return;
    const sum = this.stages.reduce((a, b) => a + b, 0);
    const exists = (stage) => stage >= 0 && stage < this.stages.length;
    if (sum !== this.workers || !this.stages.every((n) => n >= 1) || !steps.every((step) => exists(step[4] || 0)))
      throw new Error('stages do not agree with workers and steps');
  }

  /* JavaScript has no lock among threads: CPU under the interpreter lock is CPU like any other. */
  fill(steps, factor) {
    const flat = new Float64Array(new SharedArrayBuffer(8 * STEP * (steps.length + 1)));
    steps.forEach(([locked, free, wait, lock, stage], i) => {
      const units = Math.round(((locked + free) / 1e6) * unitsPerMs * factor);
      flat.set([units, wait > 0 ? (wait / 1e6) * factor : -1, lock, stage || 0], STEP * i);
    });
    return flat;
  }
}

/* The numbers of an item's steps, of one stage or (below 0) of all. */
function* stepsOf(steps, first, item, stage) {
  for (let i = first[item]; i < first[item + 1]; i++)
    if (stage < 0 || steps[STEP * i + 3] === stage) yield STEP * i;
}

// --- Threads --------------------------------------------------------------------------------------------------------

/* Words that worker threads share; arrays follow. */
const NEXT = 0; // item of the bag
const ARRIVED = 1; // at the barrier between phases, all phases together
const FINISHED = 2; // items that have passed the last stage
const GATE = 3; // 0 closed, 1 spreading, 2 open
const TAKEN = 8; // items taken from the queue of each stage
const MAX_STAGES = 64;
const PUT = TAKEN + MAX_STAGES;
const ARRAYS = PUT + MAX_STAGES; // CPU of each worker, locks, slots of the queues

function lockSync(words, at) {
  if (Atomics.compareExchange(words, at, 0, 1) === 0) return;
  while (Atomics.exchange(words, at, 2) !== 0) Atomics.wait(words, at, 2);
}

function unlockSync(words, at) {
  if (Atomics.exchange(words, at, 0) === 2) Atomics.notify(words, at, 1);
}

/* Wait until words[at] is at least `least`. */
function awaitCount(words, at, least) {
  for (let seen = Atomics.load(words, at); seen < least; seen = Atomics.load(words, at)) Atomics.wait(words, at, seen);
}

function count(words, at) {
  Atomics.add(words, at, 1);
  Atomics.notify(words, at);
}

/* What a worker thread, or the replayer itself in the serial model, needs to run items. */
class Runner {
  constructor({ words, steps, first, ends, lanes, stages, workers, nLocks }, lane) {
    Object.assign(this, { words, steps, first, ends, lanes, stages, workers, lane });
    this.nItems = first.length - 1;
    this.locks = ARRAYS + workers;
    this.slots = this.locks + nLocks;
    this.own = 0;
  }

  run(item, stage) {
    for (const at of stepsOf(this.steps, this.first, item, stage)) {
      const [units, wait, lock] = [this.steps[at], this.steps[at + 1], this.steps[at + 2]];
      if (lock && this.words) lockSync(this.words, this.locks + lock - 1);
      burn(units);
      if (wait >= 0) sleepSync(wait);
      if (lock && this.words) unlockSync(this.words, this.locks + lock - 1);
    }
  }

  /* The next item before `end`, or -1. */
  take(end) {
    if (this.lanes) {
      while (this.own < end && this.lanes[this.own] !== this.lane) this.own++;
      return this.own < end ? this.own++ : -1;
    }
    for (let next = Atomics.load(this.words, NEXT); next < end; ) {
      const seen = Atomics.compareExchange(this.words, NEXT, next, next + 1);
      if (seen === next) return next;
      next = seen;
    }
    return -1;
  }

  work() {
    if (this.stages) {
      this.workStage();
      return;
    }
    this.ends.forEach((end, phase) => {
      if (phase) {
        count(this.words, ARRIVED);
        awaitCount(this.words, ARRIVED, phase * this.workers);
      }
      for (let item = this.take(end); item >= 0; item = this.take(end)) this.run(item, -1);
    });
  }

  workStage() {
    let stage = 0;
    for (let lane = this.lane; lane >= this.stages[stage]; stage++) lane -= this.stages[stage];
    if (stage) {
      const take = () => Atomics.add(this.words, TAKEN + stage, 1);
      for (let i = take(); i < this.nItems; i = take()) {
        const slot = this.slots + stage * this.nItems + i;
        Atomics.wait(this.words, slot, 0);
        this.pass(Atomics.load(this.words, slot) - 1, stage);
      }
      return;
    }
    this.ends.forEach((end, phase) => {
      if (phase) awaitCount(this.words, FINISHED, this.ends[phase - 1]);
      for (let item = this.take(end); item >= 0; item = this.take(end)) this.pass(item, 0);
    });
  }

  /* Run one stage of an item and hand it on. */
  pass(item, stage) {
    this.run(item, stage);
    if (stage + 1 === this.stages.length) {
      count(this.words, FINISHED);
      return;
    }
    const at = this.slots + (stage + 1) * this.nItems + Atomics.add(this.words, PUT + stage + 1, 1);
    Atomics.store(this.words, at, item + 1);
    Atomics.notify(this.words, at);
  }

  /*
   * The start of the clock. In the end running, until each has a CPU of its own: of threads that are woken from sleep
   * two may share one for milliseconds. Returns the CPU it took.
   */
  waitAtGate() {
    const begin = threadCpuMs();
    Atomics.wait(this.words, GATE, 0);
    while (Atomics.load(this.words, GATE) === 1) {
      const cpu = readFile('/proc/thread-self/stat').split(') ').pop().split(' ')[36];
      Atomics.store(this.words, ARRAYS + this.lane, 1 + (parseInt(cpu, 10) || 0));
      burn(4);
    }
    return threadCpuMs() - begin;
  }
}

function runThread(data) {
  const runner = new Runner(data, data.lane);
  burn(1);
  if (data.item >= 0) {
    runner.run(data.item, -1);
    return;
  }
  parentPort.postMessage('ready');
  const gateMs = runner.waitAtGate();
  runner.work();
  parentPort.postMessage({ gateMs });
}

/* @return ms that the opener waited */
function openGate(words, workers) {
  const begin = nowMs();
  if (workers > 1 && workers <= os.cpus().length) {
    Atomics.store(words, GATE, 1);
    Atomics.notify(words, GATE);
    while (nowMs() - begin < 20) {
      sleepSync(POLL_MS);
      const cpus = new Set(words.subarray(ARRAYS, ARRAYS + workers));
      if (!cpus.has(0) && cpus.size === workers) break;
    }
  }
  const waited = nowMs() - begin;
  Atomics.store(words, GATE, 2);
  Atomics.notify(words, GATE);
  return waited;
}

/* With streams of its own: the replayer's would be opened for it, and its channel made non-blocking. */
function startThread(data) {
  return new Worker(__filename, { workerData: data, stdout: true, stderr: true });
}

function once(emitter, event) {
  return new Promise((resolve, reject) => {
    const happened = (value) => {
      emitter.off('error', reject);
      resolve(value);
    };
    emitter.once(event, happened);
    emitter.once('error', reject);
  });
}

function threadData(plan, steps, words) {
  const { first, ends, lanes, stages, workers, nLocks } = plan;
  return { role: 'thread', words, steps, first, ends, lanes, stages, workers, nLocks, item: -1 };
}

async function runThreads(plan, steps) {
  const slots = plan.stages ? plan.stages.length * plan.nItems : 0;
  const words = new Int32Array(new SharedArrayBuffer(4 * (ARRAYS + plan.workers + plan.nLocks + slots)));
  const data = threadData(plan, steps, words);
  if (plan.perItem)
    return runOnePerItem(plan, (item) => once(startThread({ ...data, lane: 0, item }), 'exit'));
  const begin = nowMs();
  const threads = [];
  for (let lane = 0; lane < plan.workers; lane++)
    threads.push(startThread({ ...data, lane }));
  const exits = Promise.all(threads.map((thread) => once(thread, 'exit')));
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  const done = Promise.all(threads.map((thread) => once(thread, 'message')));
  const startMs = nowMs() - begin;
  const pausedMs = openGate(words, plan.workers);
  const ends = await done;
  const wallMs = nowMs() - begin;
  await exits;
  return { startMs, wallMs, pausedMs, gateCpuMs: ends.reduce((sum, end) => sum + end.gateMs, 0) };
}

/* A worker is created for each item, at most plan.workers at once. */
async function runOnePerItem(plan, start) {
  let next = 0;
  for (const end of plan.ends) {
    const lane = async () => {
      while (next < end) await start(next++);
    };
    await Promise.all(Array.from({ length: plan.workers }, lane));
  }
  return {};
}

// --- Event loops ----------------------------------------------------------------------------------------------------

/* A mutex among the tasks of one loop. */
class Mutex {
  constructor() {
    this.held = false;
    this.queue = [];
  }

  lock() {
    if (this.held) return new Promise((resolve) => this.queue.push(resolve));
    this.held = true;
    return undefined;
  }

  unlock() {
    const next = this.queue.shift();
    if (next) next();
    else this.held = false;
  }
}

/* Steps as arrays of STEP numbers, with what waits and locks in this process. */
async function runSteps(steps, sleep, locks) {
  for (const [units, wait, lock] of steps) {
    if (lock) await locks.lock(lock);
    burn(units);
    if (wait >= 0) await sleep(wait);
    if (lock) locks.unlock(lock);
  }
}

function listSteps(plan, steps, item, stage) {
  return Array.from(stepsOf(steps, plan.first, item, stage), (at) => Array.from(steps.subarray(at, at + STEP)));
}

let clock = null;

/* A clock with so many slots at least. */
async function haveClock(slots) {
  if (clock && clock.deadlines.length < slots) {
    await clock.end();
    clock = null;
  }
  if (!clock) clock = new Clock(slots);
  await clock.ready;
}

async function runCoroutines(plan, steps) {
  const items = Array.from({ length: plan.nItems }, (_, item) => listSteps(plan, steps, item, -1));
  const mutexes = Array.from({ length: plan.nLocks + 1 }, () => new Mutex());
  const locks = { lock: (n) => mutexes[n].lock(), unlock: (n) => mutexes[n].unlock() };
  await haveClock(plan.workers);
  const cpuMs = cpuUsageMs();
  const begin = nowMs();
  let first = 0;
  for (const end of plan.ends) {
    let next = first;
    const task = async (slot) => {
      const sleep = (ms) => clock.sleep(slot, ms);
      if (plan.lanes) {
        for (let item = first; item < end; item++)
          if (plan.lanes[item] === slot) await runSteps(items[item], sleep, locks);
      } else {
        while (next < end) await runSteps(items[next++], sleep, locks);
      }
    };
    await Promise.all(Array.from({ length: plan.workers }, (_, slot) => task(slot)));
    first = end;
  }
  return { wallMs: nowMs() - begin, cpuMs: cpuUsageMs() - cpuMs };
}

// --- Processes ------------------------------------------------------------------------------------------------------

function privateBytes() {
  let sum = 0;
  for (const [, kilobytes] of readFile('/proc/self/smaps_rollup').matchAll(/^Private_\w+:\s+(\d+)/gm))
    sum += parseInt(kilobytes, 10) * 1024;
  return sum;
}

function cpuUsageMs() {
  const usage = process.cpuUsage();
  return (usage.user + usage.system) / 1e3;
}

/* A worker process: items come with their steps, and are answered when they are done. Locks are the parent's. */
async function runChild(slots) {
  const waiting = new Map();
  const locks = {
    lock: (n) =>
      new Promise((resolve) => {
        if (!waiting.has(n)) waiting.set(n, []);
        waiting.get(n).push(resolve);
        process.send({ lock: n });
      }),
    unlock: (n) => process.send({ unlock: n }),
  };
  const free = Array.from({ length: slots }, (_, i) => i);

  tightenTimers();
  process.on('disconnect', () => process.exit(0));
  process.on('message', async (message) => {
    if (message.granted) waiting.get(message.granted).shift()();
    if (message.steps) {
      const slot = free.pop();
      await runSteps(message.steps, slots ? (ms) => clock.sleep(slot, ms) : sleepSync, locks);
      if (slots) free.push(slot);
      process.send({ done: message.item });
    }
    if (message.report) process.send({ bytes: privateBytes(), cpuMs: cpuUsageMs() });
    if (message.end) process.send({ cpuMs: cpuUsageMs() }, () => process.disconnect());
  });
  burn(1);
  const begin = nowMs();
  if (slots) await haveClock(slots);
  const clockMs = nowMs() - begin; // the clock is the replayer's, no program has one
  process.send({ ready: true, clockMs, cpuMs: cpuUsageMs() });
}

function startChild(slots) {
  return fork(__filename, ['child', String(slots)], {
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

/* Hands items to processes and takes them back: from one bag, by lanes, or from stage to stage; phase by phase. */
class Dispatcher {
  /* @param groups  for each child, the index of the queue it is served from */
  constructor(plan, steps, children, groups, slots) {
    Object.assign(this, { plan, steps, children, groups });
    this.queues = Array.from({ length: Math.max(...groups) + 1 }, () => []);
    this.idle = this.queues.map(() => []);
    this.mutexes = Array.from({ length: plan.nLocks + 1 }, () => new Mutex());
    this.finished = 0;
    for (let i = 0; i < slots; i++) groups.forEach((group, child) => this.idle[group].unshift(child));
    this.stages = new Int32Array(plan.nItems);
    this.all = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.listeners = children.map((child, i) => (message) => this.receive(message, i));
    this.failed = (code) => this.reject(new Error(`a worker process ended with ${code}`));
    children.forEach((child, i) => child.on('message', this.listeners[i]).once('exit', this.failed));
  }

  start(phase) {
    const first = phase ? this.plan.ends[phase - 1] : 0;
    this.phase = phase;
    if (phase === this.plan.ends.length) this.resolve();
    else if (first === this.plan.ends[phase]) this.start(phase + 1);
    else
      for (let item = first; item < this.plan.ends[phase]; item++)
        this.push(this.plan.lanes ? this.plan.lanes[item] : 0, item);
  }

  push(group, item) {
    const child = this.idle[group].pop();
    if (child === undefined) this.queues[group].push(item);
    else this.send(child, item);
  }

  send(child, item) {
    const stage = this.plan.stages ? this.stages[item] : -1;
    this.children[child].send({ item, steps: listSteps(this.plan, this.steps, item, stage) });
  }

  async receive(message, child) {
    if (message.lock) {
      await this.mutexes[message.lock].lock();
      this.children[child].send({ granted: message.lock });
    }
    if (message.unlock) this.mutexes[message.unlock].unlock();
    if (message.done !== undefined) this.done(message.done, child);
  }

  done(item, child) {
    const group = this.groups[child];
    const next = this.queues[group].shift();
    if (next === undefined) this.idle[group].push(child);
    else this.send(child, next);
    if (this.plan.stages && ++this.stages[item] < this.plan.stages.length) this.push(this.stages[item], item);
    else if (++this.finished === this.plan.ends[this.phase]) this.start(this.phase + 1);
  }

  end() {
    this.children.forEach((child, i) => child.off('message', this.listeners[i]).off('exit', this.failed));
  }
}

/*
 * Worker processes. A process of node takes longer to start than a run lasts: a pool is started once, by the first run
 * of its size, and kept. What the start took is part of every run's figures.
 */
class Pool {
  constructor(count_, slots) {
    this.begin = nowMs();
    this.children = Array.from({ length: count_ }, () => startChild(slots));
  }

  async start() {
    const ready = await Promise.all(this.children.map((child) => once(child, 'message')));
    const startMs = nowMs() - this.begin;
    this.startMs = startMs - Math.min(startMs, Math.max(...ready.map((message) => message.clockMs)));
    this.startCpuMs = ready.reduce((sum, message) => sum + message.cpuMs, 0);
    this.cpuMs = this.startCpuMs;
    return this;
  }

  /* Private memory, and the CPU since the last report. */
  async report() {
    const reports = Promise.all(this.children.map((child) => once(child, 'message')));
    for (const child of this.children) child.send({ report: true });
    const cpuMs = (await reports).reduce((sum, report) => sum + report.cpuMs, 0);
    const since = cpuMs - this.cpuMs;
    this.cpuMs = cpuMs;
    return { bytes: (await reports).reduce((sum, report) => sum + report.bytes, 0), cpuMs: since };
  }
}

const pools = new Map();

/* Queue of each child: its stage, its lane, or the one for all. */
function groupsOf(plan, count) {
  if (plan.stages) return plan.stages.flatMap((n, stage) => new Array(n).fill(stage));
  return Array.from({ length: count }, (_, child) => (plan.lanes ? child : 0));
}

async function runPool(plan, steps, count_, slots) {
  const key = `${count_} ${slots}`;
  if (!pools.has(key)) pools.set(key, await new Pool(count_, slots).start());
  const pool = pools.get(key);
  const dispatcher = new Dispatcher(plan, steps, pool.children, groupsOf(plan, count_), slots || 1);
  const begin = nowMs();
  dispatcher.start(0);
  await dispatcher.all;
  const wallMs = pool.startMs + nowMs() - begin;
  dispatcher.end();
  const { bytes, cpuMs } = await pool.report();
  return { startMs: pool.startMs, wallMs, bytes, childrenCpuMs: pool.startCpuMs + cpuMs };
}

async function runProcesses(plan, steps) {
  if (!plan.perItem) return runPool(plan, steps, plan.workers, 0);
  const mutexes = Array.from({ length: plan.nLocks + 1 }, () => new Mutex());
  let cpuMs = 0;
  await runOnePerItem(plan, async (item) => {
    const child = startChild(0);
    const exit = once(child, 'exit');
    await once(child, 'message');
    child.on('message', async (message) => {
      if (message.lock) {
        await mutexes[message.lock].lock();
        child.send({ granted: message.lock });
      }
      if (message.unlock) mutexes[message.unlock].unlock();
      if (message.done !== undefined) child.send({ end: true });
      if (message.cpuMs) cpuMs += message.cpuMs;
    });
    child.send({ item, steps: listSteps(plan, steps, item, -1) });
    await exit;
  });
  return { childrenCpuMs: cpuMs };
}

/* Lanes would be tasks here: items go to whoever is free. */
async function runProcessesCoroutines(plan, steps) {
  const common = Object.assign(Object.create(plan), { lanes: null, stages: null });
  return runPool(common, steps, plan.processes, plan.workers);
}

async function runSerial(plan, steps) {
  const runner = new Runner({ ...threadData(plan, steps, null) }, 0);
  for (let item = 0; item < plan.nItems; item++) runner.run(item, -1);
  return {};
}

const MODELS = {
  serial: runSerial,
  threads: runThreads,
  coroutines: runCoroutines,
  processes: runProcesses,
  'processes+coroutines': runProcessesCoroutines,
};

// --- Costs ----------------------------------------------------------------------------------------------------------

/* Units of work per ms of this thread's CPU with `busy` CPUs busy: CPUs that share a core slow each other down. */
async function measureRate(units, busy) {
  const company = Array.from({ length: busy - 1 }, () => startThread({ role: 'company' }));
  await Promise.all(company.map((thread) => once(thread, 'message')));
  const rates = Array.from({ length: 15 }, () => {
    const before = threadCpuMs();
    burn(units);
    return units / Math.max(threadCpuMs() - before, 1e-6);
  });
  await Promise.all(company.map((thread) => thread.terminate()));
  return busy > 1 ? median(rates) : Math.max(...rates);
}

function runCompany() {
  parentPort.postMessage('ready');
  for (;;) burn(1000);
}

async function calibrateWork(parallel, cpus) {
  const all = Math.min(cpus, os.cpus().length);
  let units = 64;
  for (let took = 0; took < 1; units *= 2) {
    const before = threadCpuMs();
    burn(units);
    took = threadCpuMs() - before;
  }
  const alone = await measureRate(units, 1);
  const together = all > 1 ? await measureRate(units, Math.min(all, 8)) : alone; // starting company takes 30 ms each
  unitsPerMs = parallel <= 1 ? alone : together;
  return Math.min(Math.max(alone / together, 0.5), 4);
}

function makePlan(steps, more) {
  return new Plan({ workers: 1, processes: 1, items: steps.map(() => 1), steps, ...more });
}

/* Milliseconds that `work` takes, which goes to the child and is answered: the median of many. */
async function roundTrip(child, work) {
  const times = [];
  for (let i = 0; i < 25; i++) {
    const begin = nowMs();
    child.send(work);
    await once(child, 'message');
    times.push(nowMs() - begin);
  }
  return median(times);
}

/* Ms until a process is ready, per item, and per byte of an item. */
async function processCosts() {
  const plan = makePlan(new Array(200).fill([0, 0, 0, 0]), { model: 'processes' });
  const outcome = await runPool(plan, plan.empty, 1, 0);
  const begin = nowMs();
  const child = startChild(0);
  await once(child, 'message');
  const startMs = Math.min(outcome.startMs, nowMs() - begin);
  const smallMs = await roundTrip(child, { steps: [], payload: '' });
  const largeMs = await roundTrip(child, { steps: [], payload: 'x'.repeat(65536) });
  child.kill('SIGKILL');
  const itemMs = (outcome.wallMs - outcome.startMs) / plan.nItems;
  return { startMs, itemMs, byteMs: Math.max(0, largeMs - smallMs) / 65536 };
}

async function threadStart() {
  const plan = makePlan([[0, 0, 0, 0]], { model: 'threads' });
  const times = [];
  for (let i = 0; i < 2; i++) times.push((await runThreads(plan, plan.empty)).startMs);
  return Math.min(...times);
}

/* CPU per wait, of many short ones. */
async function waitCost(run, workers) {
  const plan = makePlan(new Array(200).fill([0, 0, 1e5, 0]), { workers });
  const before = cpuUsageMs();
  const outcome = await run(plan, plan.steps);
  return (outcome.cpuMs || cpuUsageMs() - before) / plan.nItems;
}

let memory = null; // kept for the session

/* A fork copies the page tables of all that is resident: have as much as the target; 256 MiB or 0.1 s at most. */
function takeMemory(bytes) {
  const size = Math.min(bytes, 256 << 20) - privateBytes();
  if (memory || !(size > 0)) return;
  memory = Buffer.allocUnsafe(size);
  const begin = nowMs();
  for (let at = 0; at < size && nowMs() - begin < 100; at += 1 << 20)
    memory.fill(1, at, Math.min(size, at + (1 << 20)));
}

// --- Protocol -------------------------------------------------------------------------------------------------------

const plans = new Map();

async function calibrate(request) {
  const slowdown = await calibrateWork(request.parallel, request.cpus || request.parallel);
  takeMemory(request.private_bytes || 0);
  const processes = await processCosts();
  const threadMs = await threadStart();
  const loopMs = await waitCost(runCoroutines, 16);
  const switchMs = await waitCost(runSerial, 1);
  return {
    process_start_ns: toNs(processes.startMs) + 1,
    thread_start_ns: toNs(threadMs) + 1,
    ipc_item_ns: toNs(processes.itemMs) + 1,
    ipc_byte_ps: Math.round(processes.byteMs * 1e9),
    loop_turn_ns: toNs(loopMs) + 1,
    thread_switch_ns: toNs(switchMs) + 1,
    slowdown_ppm: Math.round(slowdown * 1e6),
  };
}

async function addPlan(request) {
  const plan = new Plan(request);
  if (!MODELS[plan.model]) throw new Error('unknown model');
  plans.set(request.plan, plan);
  return {};
}

/* VmHWM starts again from what is resident now (proc(5), clear_refs). */
function statusBytes(key) {
  const match = readFile('/proc/self/status').match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'));
  return match ? parseInt(match[1], 10) * 1024 : 0;
}

function resetPeak() {
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // counted from the start then
  }
  return statusBytes('VmRSS');
}

async function runPlan(request) {
  const plan = plans.get(request.plan);
  if (!plan) throw new Error('no such plan');
  const resident = resetPeak();
  const cpuMs = cpuUsageMs();
  const begin = nowMs();
  const outcome = await MODELS[plan.model](plan, request.empty ? plan.empty : plan.steps);
  const wallNs = Math.max(1, toNs((outcome.wallMs || nowMs() - begin) - (outcome.pausedMs || 0)));
  const ownMs = outcome.cpuMs || cpuUsageMs() - cpuMs - (outcome.gateCpuMs || 0);
  return {
    wall_ns: wallNs,
    start_ns: Math.min(wallNs, toNs(outcome.startMs || 0)),
    cpu_ns: toNs(ownMs + (outcome.childrenCpuMs || 0)),
    peak_rss_bytes: Math.max(0, statusBytes('VmHWM') - resident) + (outcome.bytes || 0),
  };
}

const OPERATIONS = { calibrate, plan: addPlan, run: runPlan };

async function answer(line) {
  try {
    const request = JSON.parse(line);
    if (!Object.prototype.hasOwnProperty.call(OPERATIONS, request.op)) throw new Error('unknown operation');
    return { ok: true, ...(await OPERATIONS[request.op](request)) };
  } catch (error) {
    return { ok: false, error: String(error && error.message) };
  }
}

function say(document) {
  fs.writeSync(1, JSON.stringify(document) + '\n');
}

/* The next line of stdin, or null. Blocks: between requests there is nothing to do. */
let rest = '';
function readLine() {
  const buffer = Buffer.alloc(65536);
  const parts = [rest];
  let last = rest;
  while (!last.includes('\n')) {
    let n = 0;
    try {
      n = fs.readSync(0, buffer, 0, buffer.length, null);
    } catch (error) {
      if (error.code !== 'EAGAIN' && error.code !== 'EINTR') return null;
      sleepSync(POLL_MS);
      continue;
    }
    if (!n) return null;
    last = buffer.toString('latin1', 0, n); // JSON of ASCII; what is not is refused or ignored
    parts.push(last);
  }
  const text = parts.join('');
  const end = text.indexOf('\n');
  rest = text.slice(end + 1);
  return text.slice(0, end);
}

async function main() {
  tightenTimers();
  say({ replayer: 'node', protocol: PROTOCOL, version: process.versions.node, keeps_processes: true });
  for (let line = readLine(); line !== null; line = readLine()) say(await answer(line));
  process.exit(0);
}

if (!isMainThread) ({ clock: runClock, thread: runThread, company: runCompany })[workerData.role](workerData);
else if (process.argv[2] === 'child') runChild(parseInt(process.argv[3], 10));
else main();
