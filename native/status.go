package main

import "C"

import "fmt"

// Statuses; src/xinglin/carrier/crypto/native.py has the same table.
const (
	statusOK        C.int = 0
	statusInvalid   C.int = 1 // a length, count or number is out of range
	statusKey       C.int = 2 // a key is malformed or out of range
	statusRefused   C.int = 3 // does not verify, does not open
	statusUnknown   C.int = 4 // no such tree or version
	statusDuplicate C.int = 5 // a key occurs twice in one batch
	statusFault     C.int = 6 // our own fault: the call panicked
)

// guard turns a panic into a status; every exported function defers it.
func guard(status *C.int) {
	if reason := recover(); reason != nil {
		lastFault.Store(fmt.Sprint(reason))
		*status = statusFault
	}
}
