// SPDX-License-Identifier: BSD-2-Clause
//
// Answers a request every 5 ms and keeps each answer in a Map without a bound.
//
// run: node {file}
// expect: model=serial|coroutines|threads|processes|none finding=CA5002
const cache = new Map();
let request = 0;

const timer = setInterval(() => {
  cache.set(request, Buffer.alloc(500_000, request & 255));
  if (++request === 500) clearInterval(timer);
}, 5);
