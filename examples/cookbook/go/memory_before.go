// SPDX-License-Identifier: BSD-2-Clause
//
// Answers a request every 5 ms and keeps each answer in a map without a bound.
//
// run: {bin}
// expect: model=serial|coroutines|threads|processes|none finding=CA5002
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
		time.Sleep(5 * time.Millisecond)
	}
	println(len(cache))
}
