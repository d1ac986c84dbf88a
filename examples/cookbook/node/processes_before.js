// SPDX-License-Identifier: BSD-2-Clause
//
// Starts gzip for each of six hundred small texts and waits for it.
//
// run: node {file}
// expect: model=serial|coroutines|threads|processes finding=CA4001
const { execFileSync } = require("child_process");

let bytes = 0;
for (let item = 0; item < 600; item++) bytes += execFileSync("gzip", ["-c"], { input: "text ".repeat(item) }).length;
console.log(bytes);
