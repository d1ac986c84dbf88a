// SPDX-License-Identifier: BSD-2-Clause
//
// The texts of processes_before.go, compressed in this process.
//
// run: {bin}
// expect: model=serial|threads|processes|none not-finding=CA4001
package main

import (
	"bytes"
	"compress/gzip"
	"strings"
)

func main() {
	sum := 0
	for item := 0; item < 600; item++ {
		var packed bytes.Buffer
		writer := gzip.NewWriter(&packed)
		writer.Write([]byte(strings.Repeat("text ", item)))
		writer.Close()
		sum += packed.Len()
	}
	println(sum)
}
