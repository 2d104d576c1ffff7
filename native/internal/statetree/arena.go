// Package statetree is the authenticated state: a compact binary sparse Merkle
// trie in memory, copy-on-write, one root per version (docs/spec/state-tree.md).
//
// A subtree with no key is empty, with one key is its leaf at any depth,
// otherwise an inner node of its halves. Nodes lie in chunks of memory outside
// Go's heap and name each other by number, so that neither the collector nor the
// size of its heap has anything to do with the number of keys. Every node counts
// the parents and versions that hold it and is used again when none is left.
// The package never touches a disk and never sees a key or value, only hashes.
package statetree

import "unsafe"

// Size of every hash, in bytes.
const Size = 32

// reference names a node: 0 is the empty subtree, the top bit tells a leaf.
type reference uint32

const (
	empty   reference = 0
	leafBit reference = 1 << 31
)

func (r reference) isLeaf() bool  { return r&leafBit != 0 }
func (r reference) index() uint32 { return uint32(r &^ leafBit) }

// node is an inner node; a free one holds the next free index in left.
type node struct {
	hash        [Size]byte
	left, right reference
	holders     uint32
}

// leaf has no stored hash: computing it where it is needed costs less than a quarter of the memory.
type leaf struct {
	key     [Size]byte
	value   [Size]byte
	holders uint32 // of a free leaf, the next free index
}

// Memory hands out zeroed chunks and takes them back. It is C's allocator in the library.
type Memory interface {
	Allocate(size int) unsafe.Pointer
	Free(chunk unsafe.Pointer)
}

const (
	chunkBits  = 14
	chunkItems = 1 << chunkBits
)

// pool keeps items of one kind in chunks; index 0 is never handed out.
type pool[T any] struct {
	memory Memory
	chunks []unsafe.Pointer
	fresh  uint32 // the lowest index never used
	used   int
}

func newPool[T any](memory Memory) pool[T] { return pool[T]{memory: memory, fresh: 1} }

func (p *pool[T]) at(index uint32) *T {
	var item T
	return (*T)(unsafe.Add(p.chunks[index>>chunkBits], uintptr(index&(chunkItems-1))*unsafe.Sizeof(item)))
}

// next returns an index never used before.
func (p *pool[T]) next() uint32 {
	index := p.fresh
	if index == uint32(leafBit) {
		panic("the state tree has no numbers left")
	}
	if int(index>>chunkBits) == len(p.chunks) {
		p.chunks = append(p.chunks, p.memory.Allocate(p.chunkSize()))
	}
	p.fresh++
	return index
}

func (p *pool[T]) chunkSize() int {
	var item T
	return chunkItems * int(unsafe.Sizeof(item))
}

func (p *pool[T]) reserved() int { return len(p.chunks) * p.chunkSize() }

func (p *pool[T]) free() {
	for _, chunk := range p.chunks {
		p.memory.Free(chunk)
	}
	p.chunks = nil
}
