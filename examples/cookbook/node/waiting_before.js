// SPDX-License-Identifier: BSD-2-Clause
//
// Fetches twenty-four pages and awaits each before it asks for the next.
//
// run: node {file}
// server: delay
// expect: model=coroutines finding=CA3002
const http = require("http");
const url = process.env.CONCADVISE_DELAY_URL + "/delay/40";

const get = () =>
  new Promise((done, failed) => {
    http.get(url, (answer) => answer.resume().on("end", done)).on("error", failed);
  });

(async () => {
  for (let page = 0; page < 24; page++) await get();
})();
