package main

/*
#include <stddef.h>
#include <stdint.h>
*/
import "C"

import (
	"sync/atomic"
	"unsafe"
)

// Limits that keep every size computation far from overflow.
const (
	maxItems = 1 << 30
	maxBytes = 1 << 40
)

// lastFault keeps the text of the last recovered panic, for a bug report.
var lastFault atomic.Value

//export xl_last_fault
func xl_last_fault(out *C.uint8_t, capacity C.size_t) C.size_t {
	text, _ := lastFault.Load().(string)
	if capacity > maxBytes {
		return 0
	}
	return C.size_t(copy(view(out, int(capacity)), text))
}

// view reads n bytes of the caller's memory in place. nil with n == 0 is the empty slice.
func view(start *C.uint8_t, n int) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(start)), n)
}

// blob is many byte strings end to end; item i is bytes[starts[i]:starts[i+1]].
type blob struct {
	bytes  []byte
	starts []int
}

func (b blob) count() int        { return len(b.starts) - 1 }
func (b blob) item(i int) []byte { return b.bytes[b.starts[i]:b.starts[i+1]] }

// readBlob checks that the lengths add up to the size before anything is read.
func readBlob(start *C.uint8_t, total C.size_t, lengths *C.uint64_t, n C.size_t) (blob, bool) {
	if n > maxItems || total > maxBytes {
		return blob{}, false
	}
	starts := make([]int, int(n)+1)
	sum := uint64(0)
	for i, length := range words(lengths, int(n)) {
		if length > uint64(total)-sum {
			return blob{}, false
		}
		sum += length
		starts[i+1] = int(sum)
	}
	if sum != uint64(total) {
		return blob{}, false
	}
	return blob{view(start, int(total)), starts}, true
}

// words reads n 64-bit numbers of the caller's memory in place.
func words(start *C.uint64_t, n int) []uint64 {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*uint64)(unsafe.Pointer(start)), n)
}
