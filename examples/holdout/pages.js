// SPDX-License-Identifier: BSD-2-Clause
//
// Fetches two hundred and eighty pages that take 20 ms each, and works on the JSON of each for a millisecond.
//
// models: serial threads coroutines processes processes+coroutines
// workers: threads=6 coroutines=10 processes=6 processes+coroutines=cpusx5
// needs: nodejs
// server: delay
//
// Serial awaits one page after another; coroutines are so many async functions that share one iterator. Threads are
// worker_threads, processes child_process.fork(), each with a slice of the pages.
const { fork } = require("child_process");
const http = require("http");
const { parseArgs } = require("util");
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");

const PAGES = 280;
const PRODUCTS = 1000;

function get(agent, path) {
  return new Promise((resolve, reject) => {
    const request = http.get(process.env.CONCADVISE_DELAY_URL + path, { agent }, (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => resolve(Buffer.concat(pieces).toString()));
      response.on("error", reject);
    });
    request.on("error", reject);
  });
}

// To JSON and back, as if it had come so: the server knows only CSV.
function digest(page, text) {
  const rows = text.split("\r\n").map((line) => line.split(","));
  const products = Array.from({ length: PRODUCTS }, (_, index) => ({
    id: page * PRODUCTS + index,
    name: rows[index % (rows.length - 1)][1],
    tags: rows[0].slice(1, 4),
    price: ((page + 1) * (index + 7)) % 997,
  }));
  const parsed = JSON.parse(JSON.stringify({ products }));
  return parsed.products.reduce((sum, product) => sum + product.price * product.tags.length + product.name.length, 0);
}

// These pages, with so many requests at once.
async function fetchAll(pages, inFlight) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: inFlight });
  const todo = pages.values();
  let total = 0;
  const worker = async () => {
    for (const page of todo) {
      const text = await get(agent, `/delay/20/${4000 + page}`);
      total += digest(page, text); // not "total += ... await ...", which adds to what the total was before the wait
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  agent.destroy();
  return total;
}

function share(index, workers) {
  return Array.from({ length: PAGES }, (_, page) => page).filter((page) => page % workers === index);
}

// Each of so many threads or child processes has its share and answers with one message.
async function spread(workers, inFlight, start) {
  const totals = Array.from({ length: workers }, (_, index) => {
    return new Promise((resolve, reject) => {
      start({ pages: share(index, workers), inFlight })
        .once("message", resolve)
        .once("error", reject);
    });
  });
  return (await Promise.all(totals)).reduce((sum, total) => sum + total, 0);
}

function startThread(work) {
  return new Worker(__filename, { workerData: work });
}

function startProcess(work) {
  const child = fork(__filename, ["--child"]);
  child.send(work);
  return child;
}

async function main() {
  const { values } = parseArgs({
    options: {
      model: { type: "string", default: "serial" },
      workers: { type: "string", default: "2" },
      "in-flight": { type: "string", default: "5" },
    },
  });
  const workers = Number(values.workers);
  const inFlight = Number(values["in-flight"]);
  const models = {
    serial: () => fetchAll(share(0, 1), 1),
    threads: () => spread(workers, 1, startThread),
    coroutines: () => fetchAll(share(0, 1), workers),
    processes: () => spread(workers, 1, startProcess),
    "processes+coroutines": () => spread(workers, inFlight, startProcess),
  };
  if (!Object.hasOwn(models, values.model)) {
    console.error(`no such model here: ${values.model}`);
    process.exit(2);
  }
  console.log(await models[values.model]());
}

if (!isMainThread) {
  fetchAll(workerData.pages, workerData.inFlight).then((total) => parentPort.postMessage(total));
} else if (process.argv[2] === "--child") {
  process.once("message", async ({ pages, inFlight }) => {
    process.send(await fetchAll(pages, inFlight), () => process.disconnect());
  });
} else {
  main();
}
