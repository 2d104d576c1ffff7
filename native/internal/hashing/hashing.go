// Package hashing names the two hash functions of the suites and the domain
// prefixes of RFC 6962 and of the state tree. It holds no state.
package hashing

import (
	"crypto/sha256"
	"hash"

	"github.com/emmansun/gmsm/sm3"
)

// Size of both hashes, in bytes.
const Size = 32

// Domain prefixes: a leaf can never be read as an inner node.
const (
	LeafPrefix = 0x00
	NodePrefix = 0x01
)

// Algorithm is the number by which callers of the library name a hash.
type Algorithm int

// The hashes of the suites gm and intl.
const (
	SM3    Algorithm = 1
	SHA256 Algorithm = 2
)

// Known tells whether the number names a hash.
func (a Algorithm) Known() bool { return a == SM3 || a == SHA256 }

// New returns a hasher that one goroutine may use again and again.
func (a Algorithm) New() *Hasher {
	if a == SHA256 {
		return &Hasher{state: sha256.New()}
	}
	return &Hasher{state: sm3.New()}
}

// Hasher hashes without allocating. It is not safe for concurrent use.
type Hasher struct {
	state  hash.Hash
	buffer [1 + 2*Size]byte
}

// Sum writes hash(data) to out, which holds at least Size bytes.
func (h *Hasher) Sum(out, data []byte) {
	h.state.Reset()
	h.state.Write(data)
	h.state.Sum(out[:0])
}

// Prefixed writes hash(prefix || data) to out.
func (h *Hasher) Prefixed(out []byte, prefix byte, data []byte) {
	h.state.Reset()
	h.buffer[0] = prefix
	h.state.Write(h.buffer[:1])
	h.state.Write(data)
	h.state.Sum(out[:0])
}

// Pair writes hash(prefix || left || right) to out, left and right being hashes.
// out may overlap left or right.
func (h *Hasher) Pair(out []byte, prefix byte, left, right []byte) {
	h.state.Reset()
	h.buffer[0] = prefix
	copy(h.buffer[1:], left[:Size])
	copy(h.buffer[1+Size:], right[:Size])
	h.state.Write(h.buffer[:])
	h.state.Sum(out[:0])
}
