# SPDX-License-Identifier: BSD-2-Clause
#
# The pages of waiting_before.rb, fetched by eight threads.
#
# run: ruby {file}
# server: delay
# expect: model=threads|coroutines not-finding=CA3001
require "net/http"

PAGE = URI(ENV.fetch("CONCADVISE_DELAY_URL") + "/delay/40")

pages = Queue.new(24.times.to_a).close
threads = 8.times.map do
  Thread.new do
    bytes = 0
    bytes += Net::HTTP.get(PAGE).size while pages.pop
    bytes
  end
end
puts threads.sum(&:value)
