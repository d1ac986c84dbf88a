# SPDX-License-Identifier: BSD-2-Clause
#
# Answers a request every 5 ms and keeps each answer in a hash without a bound.
#
# run: ruby {file}
# expect: model=serial|coroutines|threads|processes|none finding=CA5002
cache = {}
500.times do |request|
  cache[request] = "a" * (200_000 + request)
  sleep 0.005
end
