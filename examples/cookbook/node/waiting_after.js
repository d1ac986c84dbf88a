// SPDX-License-Identifier: BSD-2-Clause
//
// The pages of waiting_before.js, eight at a time: eight loops of await share one counter.
//
// run: node {file}
// server: delay
// expect: model=coroutines not-finding=CA3002
const http = require("http");
const url = process.env.CONCADVISE_DELAY_URL + "/delay/40";

const get = () =>
  new Promise((done, failed) => {
    http.get(url, (answer) => answer.resume().on("end", done)).on("error", failed);
  });

let page = 0;
async function worker() {
  while (page++ < 24) await get();
}

Promise.all(Array.from({ length: 8 }, worker));
