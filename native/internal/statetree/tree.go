package statetree

import (
	"errors"
	"sync"

	"xinglin/native/internal/hashing"
	"xinglin/native/internal/parallel"
)

// What a call can refuse.
var (
	ErrVersion   = errors.New("the tree has no such version")
	ErrDuplicate = errors.New("a key occurs twice in one batch")
)

// Tree holds any number of versions of one map. All methods are safe for
// concurrent use: readers share, an update waits for them.
type Tree struct {
	algorithm hashing.Algorithm
	mutex     sync.RWMutex
	nodes     *nodes
	versions  map[uint64]version
	newest    uint64
}

type version struct {
	root  reference
	count int
}

// New returns a tree without versions; Empty makes the first.
func New(algorithm hashing.Algorithm, memory Memory) *Tree {
	return &Tree{algorithm: algorithm, nodes: newNodes(memory), versions: map[uint64]version{}}
}

// Empty makes a version with no keys.
func (t *Tree) Empty() uint64 {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.add(version{})
}

// Update makes a version from another: key i gets value i, or is deleted where
// the value is zero; deleting a key that is not there changes nothing. keys and
// values hold n hashes each, end to end. The base version stays as it is.
func (t *Tree) Update(base uint64, keys, values []byte) (uint64, error) {
	changes, unique := sorted(keys, values)
	if !unique {
		return 0, ErrDuplicate
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	old, known := t.versions[base]
	if !known {
		return 0, ErrVersion
	}
	batch := update{nodes: t.nodes, count: old.count}
	root := batch.apply(old.root, changes, 0)
	batch.hashAll(t.algorithm)
	return t.add(version{root, batch.count}), nil
}

func (t *Tree) add(v version) uint64 {
	t.newest++
	t.versions[t.newest] = v
	return t.newest
}

// Drop lets a version go and frees what only it held.
func (t *Tree) Drop(number uint64) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	old, known := t.versions[number]
	if !known {
		return ErrVersion
	}
	delete(t.versions, number)
	t.nodes.release(old.root)
	return nil
}

// Root writes a version's root hash to out and returns the number of its keys.
func (t *Tree) Root(number uint64, out *[Size]byte) (int, error) {
	t.mutex.RLock()
	defer t.mutex.RUnlock()
	v, known := t.versions[number]
	if !known {
		return 0, ErrVersion
	}
	t.nodes.hash(t.algorithm.New(), v.root, out)
	return v.count, nil
}

// Get writes the value hashes of n keys to values, zero for a key that is not there.
func (t *Tree) Get(number uint64, keys, values []byte) error {
	t.mutex.RLock()
	defer t.mutex.RUnlock()
	v, known := t.versions[number]
	if !known {
		return ErrVersion
	}
	for i := range len(keys) / Size {
		key, out := keys[i*Size:(i+1)*Size], values[i*Size:(i+1)*Size]
		clear(out)
		found := v.root
		for depth := 0; found != empty && !found.isLeaf(); depth++ {
			found = t.nodes.child(found, bit(key, depth))
		}
		if found != empty && t.nodes.leaf(found).key == [Size]byte(key) {
			copy(out, t.nodes.leaf(found).value[:])
		}
	}
	return nil
}

func (n *nodes) child(r reference, bit byte) reference {
	if bit == 1 {
		return n.node(r).right
	}
	return n.node(r).left
}

// Prove returns one proof a key, in wire form.
func (t *Tree) Prove(number uint64, keys []byte) ([][]byte, error) {
	t.mutex.RLock()
	defer t.mutex.RUnlock()
	v, known := t.versions[number]
	if !known {
		return nil, ErrVersion
	}
	proofs := make([][]byte, len(keys)/Size)
	parallel.Range(len(proofs), hashGrain, func(low, high int) {
		hasher := t.algorithm.New()
		for i := low; i < high; i++ {
			proofs[i] = t.nodes.prove(hasher, v.root, keys[i*Size:(i+1)*Size])
		}
	})
	return proofs, nil
}

// Subtree returns all keys under a prefix of bits, with the way to them, in wire form.
func (t *Tree) Subtree(number uint64, prefix []byte, bits int) ([]byte, error) {
	t.mutex.RLock()
	defer t.mutex.RUnlock()
	v, known := t.versions[number]
	if !known {
		return nil, ErrVersion
	}
	return t.nodes.subtree(t.algorithm.New(), v.root, prefix, bits), nil
}

// Stats says what the tree holds.
type Stats struct{ Versions, Nodes, Leaves, ReservedBytes int }

// Stats counts versions, inner nodes, leaves and bytes taken from memory.
func (t *Tree) Stats() Stats {
	t.mutex.RLock()
	defer t.mutex.RUnlock()
	inner, leaves := &t.nodes.inner, &t.nodes.leaves
	return Stats{len(t.versions), inner.used, leaves.used, inner.reserved() + leaves.reserved()}
}

// Close gives all memory back; the tree knows no version afterwards.
func (t *Tree) Close() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.versions = nil
	t.nodes.inner.free()
	t.nodes.leaves.free()
}
