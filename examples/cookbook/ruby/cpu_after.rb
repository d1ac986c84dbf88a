# SPDX-License-Identifier: BSD-2-Clause
#
# The documents of cpu_before.rb in as many forked processes as there are CPUs.
#
# run: ruby {file}
# expect: model=processes not-finding=CA1001
require "etc"

def score(document)
  total = 0
  400_000.times { |position| total = (total * 31 + position ^ document) & 0xFFFFFFFF }
  total
end

workers = Etc.nprocessors
parts = workers.times.map do |first|
  IO.popen("-") || begin
    puts first.step(23, workers).sum { |document| score(document) }
    exit!(0)
  end
end
puts parts.sum { |part| part.read.to_i }
