# SPDX-License-Identifier: BSD-2-Clause
#
# Fetches twenty-four pages, one after the other.
#
# run: ruby {file}
# server: delay
# expect: model=threads|coroutines finding=CA3001
require "net/http"

PAGE = URI(ENV.fetch("CONCADVISE_DELAY_URL") + "/delay/40")

puts 24.times.sum { Net::HTTP.get(PAGE).size }
