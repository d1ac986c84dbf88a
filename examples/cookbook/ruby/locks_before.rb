# SPDX-License-Identifier: BSD-2-Clause
#
# Scores twenty-four documents in four threads, all in Ruby code.
#
# run: ruby {file}
# expect: model=processes|threads finding=CA2001

def score(document)
  total = 0
  400_000.times { |position| total = (total * 31 + position ^ document) & 0xFFFFFFFF }
  total
end

threads = 4.times.map do |first|
  Thread.new { first.step(23, 4).sum { |document| score(document) } }
end
puts threads.sum(&:value)
