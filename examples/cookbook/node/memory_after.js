// SPDX-License-Identifier: BSD-2-Clause
//
// The service of memory_before.js with room for twenty answers: the oldest goes.
//
// run: node {file}
// expect: model=serial|coroutines|threads|processes|none not-finding=CA5002
const cache = new Map();
let request = 0;

const timer = setInterval(() => {
  cache.set(request, Buffer.alloc(500_000, request & 255));
  if (cache.size > 20) cache.delete(cache.keys().next().value);
  if (++request === 500) clearInterval(timer);
}, 5);
