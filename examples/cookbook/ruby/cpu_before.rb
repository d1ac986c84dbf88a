# SPDX-License-Identifier: BSD-2-Clause
#
# Scores twenty-four documents, one after the other.
#
# run: ruby {file}
# expect: model=processes finding=CA1001

def score(document)
  total = 0
  400_000.times { |position| total = (total * 31 + position ^ document) & 0xFFFFFFFF }
  total
end

puts (0...24).sum { |document| score(document) }
