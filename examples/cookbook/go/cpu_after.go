// SPDX-License-Identifier: BSD-2-Clause
//
// The pieces of cpu_before.go, a goroutine each; the Go runtime runs as many at once as there are CPUs.
//
// run: {bin}
// expect: model=threads not-finding=CA1001
package main

import (
	"sync"
	"sync/atomic"
)

func piece(value uint64) uint64 {
	for i := 0; i < 12_000_000; i++ {
		value ^= value << 13
		value ^= value >> 7
		value ^= value << 17
	}
	return value
}

func main() {
	var sum uint64
	var group sync.WaitGroup
	for i := uint64(1); i <= 80; i++ {
		group.Add(1)
		go func(i uint64) {
			defer group.Done()
			atomic.AddUint64(&sum, piece(i))
		}(i)
	}
	group.Wait()
	println(sum)
}
