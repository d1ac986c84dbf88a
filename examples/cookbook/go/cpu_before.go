// SPDX-License-Identifier: BSD-2-Clause
//
// Eighty independent pieces of arithmetic, one after the other.
//
// run: {bin}
// expect: model=threads finding=CA1001
package main

func piece(value uint64) uint64 {
	for i := 0; i < 12_000_000; i++ {
		value ^= value << 13
		value ^= value >> 7
		value ^= value << 17
	}
	return value
}

func main() {
	sum := uint64(0)
	for i := uint64(1); i <= 80; i++ {
		sum += piece(i)
	}
	println(sum)
}
