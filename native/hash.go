package main

/*
#include <stddef.h>
#include <stdint.h>
*/
import "C"

import (
	"sync"

	"xinglin/native/internal/hashing"
	"xinglin/native/internal/merkle"
)

const hashSize = hashing.Size

// hashers spares single hashes the allocation.
var hashers = map[hashing.Algorithm]*sync.Pool{
	hashing.SM3:    {New: func() any { return hashing.SM3.New() }},
	hashing.SHA256: {New: func() any { return hashing.SHA256.New() }},
}

//export xl_hash
func xl_hash(algorithm C.int, data *C.uint8_t, size C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	pool := hashers[hashing.Algorithm(algorithm)]
	if pool == nil || size > maxBytes {
		return statusInvalid
	}
	hasher := pool.Get().(*hashing.Hasher)
	hasher.Sum(view(out, hashSize), view(data, int(size)))
	pool.Put(hasher)
	return statusOK
}

// prefix is -1 for the plain hash, otherwise the byte hashed before each item.
//
//export xl_hash_many
func xl_hash_many(algorithm, prefix C.int, data *C.uint8_t, total C.size_t, lengths *C.uint64_t, n C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	items, ok := readBlob(data, total, lengths, n)
	if !ok || !hashing.Algorithm(algorithm).Known() || prefix < -1 || prefix > 255 {
		return statusInvalid
	}
	merkle.Each(hashing.Algorithm(algorithm), int(prefix), items.bytes, items.starts, view(out, int(n)*hashSize))
	return statusOK
}

//export xl_merkle_root
func xl_merkle_root(algorithm C.int, leaves *C.uint8_t, n C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	if !hashing.Algorithm(algorithm).Known() || n > maxItems {
		return statusInvalid
	}
	copied := append([]byte(nil), view(leaves, int(n)*hashSize)...)
	merkle.Root(hashing.Algorithm(algorithm), copied, view(out, hashSize))
	return statusOK
}

// The items of all groups lie end to end; group g has the next counts[g] of them.
//
//export xl_merkle_roots_of
func xl_merkle_roots_of(algorithm C.int, data *C.uint8_t, total C.size_t, lengths *C.uint64_t, n C.size_t,
	counts *C.uint64_t, groups C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	items, ok := readBlob(data, total, lengths, n)
	if !ok || !hashing.Algorithm(algorithm).Known() || groups > maxItems {
		return statusInvalid
	}
	sizes := make([]int, int(groups))
	left := uint64(n)
	for g, count := range words(counts, int(groups)) {
		if count > left {
			return statusInvalid
		}
		left -= count
		sizes[g] = int(count)
	}
	if left != 0 {
		return statusInvalid
	}
	leaves := make([]byte, int(n)*hashSize)
	merkle.Each(hashing.Algorithm(algorithm), hashing.LeafPrefix, items.bytes, items.starts, leaves)
	merkle.Roots(hashing.Algorithm(algorithm), leaves, sizes, view(out, int(groups)*hashSize))
	return statusOK
}

// out has room for 64 hashes; length receives how many were written, nearest sibling first.
//
//export xl_merkle_path
func xl_merkle_path(algorithm C.int, leaves *C.uint8_t, n, index C.size_t, out *C.uint8_t, length *C.uint64_t) (status C.int) {
	defer guard(&status)
	if !hashing.Algorithm(algorithm).Known() || n > maxItems || index >= n {
		return statusInvalid
	}
	copied := append([]byte(nil), view(leaves, int(n)*hashSize)...)
	path := merkle.Path(hashing.Algorithm(algorithm), copied, int(index), nil)
	copy(view(out, 64*hashSize), path)
	words(length, 1)[0] = uint64(len(path) / hashSize)
	return statusOK
}
