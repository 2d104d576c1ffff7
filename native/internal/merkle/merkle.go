// Package merkle computes RFC 6962 roots and audit paths over flat buffers of
// leaf hashes. It never stores a tree.
package merkle

import (
	"xinglin/native/internal/hashing"
	"xinglin/native/internal/parallel"
)

const size = hashing.Size

// grain is the least number of hashes worth a goroutine of their own.
const grain = 256

// Each hashes item i of blob to out[i*32:], with a one-byte prefix when prefix >= 0.
// Item i is blob[starts[i]:starts[i+1]].
func Each(algorithm hashing.Algorithm, prefix int, blob []byte, starts []int, out []byte) {
	n := len(starts) - 1
	share := max(1, min(grain, (n+3)/4))
	if len(blob) < grain*size {
		share = n + 1
	}
	parallel.Range(n, share, func(low, high int) {
		hasher := algorithm.New()
		for i := low; i < high; i++ {
			item, to := blob[starts[i]:starts[i+1]], out[i*size:(i+1)*size]
			if prefix < 0 {
				hasher.Sum(to, item)
			} else {
				hasher.Prefixed(to, byte(prefix), item)
			}
		}
	})
}

// Root writes the root over n leaf hashes to out; leaves is overwritten.
// The root of no leaves is hash("").
func Root(algorithm hashing.Algorithm, leaves []byte, out []byte) {
	n := len(leaves) / size
	if n == 0 {
		algorithm.New().Sum(out, nil)
		return
	}
	hasher := algorithm.New()
	for spare := []byte(nil); n > 1; n = (n + 1) / 2 {
		if n < 4*grain {
			reduce(hasher, leaves, leaves, n)
			continue
		}
		if spare == nil {
			spare = make([]byte, (n+1)/2*size)
		}
		reduceParallel(algorithm, leaves, spare, n)
		copy(leaves, spare[:(n+1)/2*size])
	}
	copy(out, leaves[:size])
}

// reduce computes the level above n hashes; an odd last one moves up unchanged,
// which gives the same tree as the standard's split at the largest power of two.
func reduce(hasher *hashing.Hasher, from, to []byte, n int) {
	for i := 0; i+1 < n; i += 2 {
		hasher.Pair(to[i/2*size:(i/2+1)*size], hashing.NodePrefix, from[i*size:], from[(i+1)*size:])
	}
	if n%2 == 1 {
		copy(to[n/2*size:(n/2+1)*size], from[(n-1)*size:n*size])
	}
}

func reduceParallel(algorithm hashing.Algorithm, from, to []byte, n int) {
	parallel.Range((n+1)/2, grain, func(low, high int) {
		end := min(2*high, n)
		reduce(algorithm.New(), from[2*low*size:end*size], to[low*size:high*size], end-2*low)
	})
}

// Roots writes one root a group to out: group g holds the next counts[g] of the
// leaf hashes, which are overwritten.
func Roots(algorithm hashing.Algorithm, leaves []byte, counts []int, out []byte) {
	starts := make([]int, len(counts)+1)
	for g, count := range counts {
		starts[g+1] = starts[g] + count*size
	}
	parallel.Range(len(counts), 1, func(low, high int) {
		for g := low; g < high; g++ {
			Root(algorithm, leaves[starts[g]:starts[g+1]], out[g*size:(g+1)*size])
		}
	})
}

// Path appends to path the sibling hashes of leaf index, nearest first; leaves is
// overwritten. index must be below the number of leaves.
func Path(algorithm hashing.Algorithm, leaves []byte, index int, path []byte) []byte {
	hasher := algorithm.New()
	for n := len(leaves) / size; n > 1; n = (n + 1) / 2 {
		if sibling := index ^ 1; sibling < n {
			path = append(path, leaves[sibling*size:(sibling+1)*size]...)
		}
		reduce(hasher, leaves, leaves, n)
		index /= 2
	}
	return path
}
