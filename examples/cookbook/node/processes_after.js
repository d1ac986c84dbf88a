// SPDX-License-Identifier: BSD-2-Clause
//
// The texts of processes_before.js, compressed in this process.
//
// run: node {file}
// expect: model=serial|coroutines|threads|processes|none not-finding=CA4001
const { gzipSync } = require("zlib");

let bytes = 0;
for (let item = 0; item < 600; item++) bytes += gzipSync("text ".repeat(item)).length;
console.log(bytes);
