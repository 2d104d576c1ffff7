// Command native is built as a C shared library that Python calls through
// ctypes. It holds no business rule: hashing, Merkle trees, signatures, sealing
// and the state tree, each over raw bytes.
//
// Every exported function checks its lengths first, recovers from panics (a Go
// panic would end the Python process) and returns a status of status.go. Batch
// functions use all cores. No memory of the caller is kept after return. A
// process must not fork after loading the library: the Go runtime's threads do
// not survive it.
package main

import "C"

import (
	"os"
	"runtime"

	"xinglin/native/internal/parallel"
)

// abi changes with every change of an exported function. Python refuses a library of another number.
const abi = 1

//export xl_abi
func xl_abi() C.int { return abi }

// calls is how many calls can run at once, at least. A thread that is in here holds one of the runtime's processors, also
// while the system lets another thread run in its place. With one processor for each core, two such threads would keep
// every other caller waiting until their turn comes again (docs/adr/0031).
const calls = 16

func init() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(calls, 2*parallel.Cores))
	}
}

func main() {}
