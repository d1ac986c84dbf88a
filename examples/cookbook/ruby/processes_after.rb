# SPDX-License-Identifier: BSD-2-Clause
#
# The texts of processes_before.rb, compressed in this process.
#
# run: ruby {file}
# expect: model=serial|threads|processes|none not-finding=CA4001
require "zlib"

puts 400.times.sum { |item| Zlib.gzip("text " * item).bytesize }
