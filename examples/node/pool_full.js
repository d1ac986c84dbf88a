// SPDX-License-Identifier: BSD-2-Clause
//
// Opens four named pipes that nobody has at the other end yet, and reads a file every 20 ms meanwhile.
//
// Folklore: "node does files in the background". Measured: four threads do, and each open() holds one until the other end
// comes. With all of them held no file is read at all. UV_THREADPOOL_SIZE, or no such calls.
//
// run: node {file}
// needs: nodejs
// expect: model=coroutines change=keep finding=CA3103
const { execFileSync, spawn } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "concadvise-pipes-"));
const pipes = [0, 1, 2, 3].map((number) => path.join(folder, `pipe${number}`));
execFileSync("mkfifo", pipes);
let reads = 0;
const open = pipes.map((name) => fs.promises.readFile(name));
const timer = setInterval(() => fs.readFile(__filename, () => reads++), 20);
// The other ends come after 1.5 s.
spawn("/bin/sh", ["-c", 'sleep 1.5; for name; do echo hello >"$name"; done', "sh", ...pipes]);
Promise.all(open).then(() => {
  clearInterval(timer);
  fs.rmSync(folder, { recursive: true });
  console.log("pipes read");
});
