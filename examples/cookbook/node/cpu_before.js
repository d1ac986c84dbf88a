// SPDX-License-Identifier: BSD-2-Clause
//
// Works out sixteen checksums, one after the other.
//
// run: node {file}
// expect: model=processes|threads finding=CA1001
function checksum(seed) {
  let value = seed + 1;
  for (let i = 0; i < 20_000_000; i++) value = (Math.imul(value, 31) + i) >>> 0;
  return value;
}

let sum = 0;
for (let seed = 0; seed < 40; seed++) sum += checksum(seed);
console.log(sum);
