// SPDX-License-Identifier: BSD-2-Clause
//
// The same with two named pipes: two threads of the pool are left, and files are read as they come.
//
// Folklore: "anything slow blocks node". Measured: a pool with an idle thread is a pool that serves.
//
// run: node {file}
// needs: nodejs
// expect: model=coroutines change=keep not-finding=CA3103
const { execFileSync, spawn } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "concadvise-pipes-"));
const pipes = [0, 1].map((number) => path.join(folder, `pipe${number}`));
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
