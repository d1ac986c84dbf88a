# SPDX-License-Identifier: BSD-2-Clause
#
# Starts gzip for each of four hundred small texts and waits for it.
#
# run: ruby {file}
# expect: model=serial|threads|processes finding=CA4001
require "open3"

puts 400.times.sum { |item| Open3.capture2("gzip", "-c", stdin_data: "text " * item).first.bytesize }
