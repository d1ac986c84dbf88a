# SPDX-License-Identifier: BSD-2-Clause
#
# The service of memory_before.rb with room for a hundred answers: the oldest goes.
#
# run: ruby {file}
# expect: model=serial|coroutines|threads|processes|none not-finding=CA5002
cache = {}
500.times do |request|
  cache[request] = "a" * (200_000 + request)
  cache.shift if cache.size > 100
  sleep 0.005
end
