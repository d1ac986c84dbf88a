// SPDX-License-Identifier: BSD-2-Clause
//
// The service of memory_before.go with room for a hundred answers: the oldest goes.
//
// run: {bin}
// expect: model=serial|coroutines|threads|processes|none not-finding=CA5002
package main

import "time"

func main() {
	cache := map[int][]byte{}
	for request := 0; request < 500; request++ {
		answer := make([]byte, 200_000)
		for i := range answer {
			answer[i] = byte(request)
		}
		cache[request] = answer
		delete(cache, request-100)
		time.Sleep(5 * time.Millisecond)
	}
	println(len(cache))
}
