package main

/*
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"sync"
	"unsafe"

	"xinglin/native/internal/hashing"
	"xinglin/native/internal/statetree"
)

// cMemory keeps the trees' nodes outside Go's heap.
type cMemory struct{}

func (cMemory) Allocate(size int) unsafe.Pointer {
	chunk := C.calloc(1, C.size_t(size))
	if chunk == nil {
		panic("no memory for the state tree")
	}
	return chunk
}

func (cMemory) Free(chunk unsafe.Pointer) { C.free(chunk) }

// trees are named by number; a pointer into Go's heap never leaves the library.
var (
	trees     sync.Map // uint64 -> *statetree.Tree
	treesLock sync.Mutex
	lastTree  uint64
)

//export xl_tree_new
func xl_tree_new(algorithm C.int, handle *C.uint64_t) (status C.int) {
	defer guard(&status)
	if !hashing.Algorithm(algorithm).Known() {
		return statusInvalid
	}
	treesLock.Lock()
	lastTree++
	number := lastTree
	treesLock.Unlock()
	trees.Store(number, statetree.New(hashing.Algorithm(algorithm), cMemory{}))
	words(handle, 1)[0] = number
	return statusOK
}

//export xl_tree_close
func xl_tree_close(handle C.uint64_t) (status C.int) {
	defer guard(&status)
	tree, known := trees.LoadAndDelete(uint64(handle))
	if !known {
		return statusUnknown
	}
	tree.(*statetree.Tree).Close()
	return statusOK
}

//export xl_tree_empty
func xl_tree_empty(handle C.uint64_t, version *C.uint64_t) (status C.int) {
	defer guard(&status)
	return withTree(handle, func(tree *statetree.Tree) error {
		words(version, 1)[0] = tree.Empty()
		return nil
	})
}

// n keys and n values of 32 bytes each; a value of zeros deletes its key.
//
//export xl_tree_update
func xl_tree_update(handle, base C.uint64_t, keys, values *C.uint8_t, n C.size_t, version *C.uint64_t) (status C.int) {
	defer guard(&status)
	if n > maxItems {
		return statusInvalid
	}
	return withTree(handle, func(tree *statetree.Tree) error {
		made, err := tree.Update(uint64(base), view(keys, int(n)*hashSize), view(values, int(n)*hashSize))
		words(version, 1)[0] = made
		return err
	})
}

//export xl_tree_drop
func xl_tree_drop(handle, version C.uint64_t) (status C.int) {
	defer guard(&status)
	return withTree(handle, func(tree *statetree.Tree) error { return tree.Drop(uint64(version)) })
}

//export xl_tree_root
func xl_tree_root(handle, version C.uint64_t, out *C.uint8_t, count *C.uint64_t) (status C.int) {
	defer guard(&status)
	return withTree(handle, func(tree *statetree.Tree) error {
		keys, err := tree.Root(uint64(version), (*[hashSize]byte)(view(out, hashSize)))
		words(count, 1)[0] = uint64(keys)
		return err
	})
}

//export xl_tree_get
func xl_tree_get(handle, version C.uint64_t, keys *C.uint8_t, n C.size_t, values *C.uint8_t) (status C.int) {
	defer guard(&status)
	if n > maxItems {
		return statusInvalid
	}
	return withTree(handle, func(tree *statetree.Tree) error {
		return tree.Get(uint64(version), view(keys, int(n)*hashSize), view(values, int(n)*hashSize))
	})
}

// Writes the proofs end to end when capacity allows; lengths receives n sizes in any case.
//
//export xl_tree_prove_many
func xl_tree_prove_many(handle, version C.uint64_t, keys *C.uint8_t, n C.size_t, out *C.uint8_t, capacity C.size_t, lengths *C.uint64_t) (status C.int) {
	defer guard(&status)
	if n > maxItems || capacity > maxBytes {
		return statusInvalid
	}
	return withTree(handle, func(tree *statetree.Tree) error {
		proofs, err := tree.Prove(uint64(version), view(keys, int(n)*hashSize))
		room, at := view(out, int(capacity)), 0
		for i, proof := range proofs {
			words(lengths, int(n))[i] = uint64(len(proof))
			if at += len(proof); at <= len(room) {
				copy(room[at-len(proof):at], proof)
			}
		}
		return err
	})
}

// Writes the subtree when capacity allows; length receives its size in any case.
//
//export xl_tree_subtree
func xl_tree_subtree(handle, version C.uint64_t, prefix *C.uint8_t, bits C.int, out *C.uint8_t, capacity C.size_t, length *C.uint64_t) (status C.int) {
	defer guard(&status)
	if bits < 0 || bits > 8*hashSize || capacity > maxBytes {
		return statusInvalid
	}
	return withTree(handle, func(tree *statetree.Tree) error {
		subtree, err := tree.Subtree(uint64(version), view(prefix, hashSize), int(bits))
		words(length, 1)[0] = uint64(len(subtree))
		if len(subtree) <= int(capacity) {
			copy(view(out, int(capacity)), subtree)
		}
		return err
	})
}

// out receives versions, inner nodes, leaves, reserved bytes.
//
//export xl_tree_stats
func xl_tree_stats(handle C.uint64_t, out *C.uint64_t) (status C.int) {
	defer guard(&status)
	return withTree(handle, func(tree *statetree.Tree) error {
		stats := tree.Stats()
		for i, value := range []int{stats.Versions, stats.Nodes, stats.Leaves, stats.ReservedBytes} {
			words(out, 4)[i] = uint64(value)
		}
		return nil
	})
}

func withTree(handle C.uint64_t, work func(*statetree.Tree) error) C.int {
	tree, known := trees.Load(uint64(handle))
	if !known {
		return statusUnknown
	}
	switch err := work(tree.(*statetree.Tree)); {
	case err == nil:
		return statusOK
	case errors.Is(err, statetree.ErrDuplicate):
		return statusDuplicate
	default:
		return statusUnknown
	}
}
