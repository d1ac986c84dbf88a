// SPDX-License-Identifier: BSD-2-Clause
//
// The checksums of cpu_before.js in as many worker threads as there are CPUs.
//
// run: node {file}
// expect: model=processes|threads not-finding=CA1001
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const workers = require("os").cpus().length;

function checksum(seed) {
  let value = seed + 1;
  for (let i = 0; i < 20_000_000; i++) value = (Math.imul(value, 31) + i) >>> 0;
  return value;
}

if (isMainThread) {
  let sum = 0;
  for (let first = 0; first < workers; first++)
    new Worker(__filename, { workerData: first }).on("message", (part) => (sum += part));
  process.on("exit", () => console.log(sum));
} else {
  let sum = 0;
  for (let seed = workerData; seed < 40; seed += workers) sum += checksum(seed);
  parentPort.postMessage(sum);
}
