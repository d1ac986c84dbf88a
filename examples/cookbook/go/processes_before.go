// SPDX-License-Identifier: BSD-2-Clause
//
// Starts gzip for each of six hundred small texts and waits for it.
//
// run: {bin}
// expect: model=serial|threads|processes finding=CA4001
package main

import (
	"os/exec"
	"strings"
)

func main() {
	bytes := 0
	for item := 0; item < 600; item++ {
		command := exec.Command("gzip", "-c")
		command.Stdin = strings.NewReader(strings.Repeat("text ", item))
		packed, err := command.Output()
		if err != nil {
			panic(err)
		}
		bytes += len(packed)
	}
	println(bytes)
}
