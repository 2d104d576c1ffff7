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

// abi changes with every change of an exported function. Python refuses a library of another number.
const abi = 1

//export xl_abi
func xl_abi() C.int { return abi }

func main() {}
