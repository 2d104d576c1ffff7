package statetree

import (
	"encoding/binary"

	"xinglin/native/internal/hashing"
)

// Types of a proof (docs/spec/state-tree.md).
const (
	exists        = 0
	absentEmpty   = 1
	absentAnother = 2
)

const wireVersion = 1

// way is the descent from the root: which depths have a non-empty sibling, and their hashes.
type way struct {
	end      reference
	depth    int
	bitmap   [Size]byte
	siblings []byte
}

// descend follows a key for at most bits levels, or until a leaf or nothing is left.
func (n *nodes) descend(hasher *hashing.Hasher, root reference, key []byte, bits int) way {
	w := way{end: root, siblings: make([]byte, 0, 32*Size)}
	var hash [Size]byte
	for w.depth < bits && w.end != empty && !w.end.isLeaf() {
		turn := bit(key, w.depth)
		if sibling := n.child(w.end, 1-turn); sibling != empty {
			n.hash(hasher, sibling, &hash)
			w.siblings = append(w.siblings, hash[:]...)
			w.bitmap[w.depth>>3] |= 0x80 >> (w.depth & 7)
		}
		w.end = n.child(w.end, turn)
		w.depth++
	}
	return w
}

func (n *nodes) prove(hasher *hashing.Hasher, root reference, key []byte) []byte {
	w := n.descend(hasher, root, key, 8*Size)
	var found *leaf
	kind := absentEmpty
	if w.end != empty {
		found = n.leaf(w.end)
		kind = exists
		if found.key != [Size]byte(key) {
			kind = absentAnother
		}
	}
	out := make([]byte, 0, 160+len(w.siblings))
	out = appendHead(out, 7, "state-proof")
	out = appendNumber(out, kind)
	out = w.append(out)
	if kind != absentAnother {
		return appendArray(out, 0)
	}
	out = appendArray(appendArray(out, 1), 2)
	return appendBytes(appendBytes(out, found.key[:]), found.value[:])
}

func (n *nodes) subtree(hasher *hashing.Hasher, root reference, prefix []byte, bits int) []byte {
	w := n.descend(hasher, root, prefix, bits)
	out := appendHead(nil, 6, "state-subtree")
	return appendBytes(w.append(out), n.collect(w.end, nil))
}

// collect appends key and value hash of every leaf of a subtree, ascending by key.
func (n *nodes) collect(r reference, out []byte) []byte {
	switch {
	case r == empty:
		return out
	case r.isLeaf():
		item := n.leaf(r)
		return append(append(out, item.key[:]...), item.value[:]...)
	}
	return n.collect(n.node(r).right, n.collect(n.node(r).left, out))
}

// append writes depth, bitmap and siblings.
func (w *way) append(out []byte) []byte {
	out = appendNumber(out, w.depth)
	out = appendBytes(out, w.bitmap[:(w.depth+7)/8])
	return appendBytes(out, w.siblings)
}

// The canonical encoding (docs/spec/encoding.md) of the few values that occur here: MessagePack, shortest form.

func appendHead(out []byte, fields int, kind string) []byte {
	out = appendArray(out, fields)
	out = append(append(out, 0xa0|byte(len(kind))), kind...)
	return appendNumber(out, wireVersion)
}

func appendArray(out []byte, fields int) []byte { return append(out, 0x90|byte(fields)) }

func appendNumber(out []byte, value int) []byte {
	switch {
	case value < 1<<7:
		return append(out, byte(value))
	case value < 1<<8:
		return append(out, 0xcc, byte(value))
	}
	return binary.BigEndian.AppendUint16(append(out, 0xcd), uint16(value))
}

func appendBytes(out, value []byte) []byte {
	switch size := len(value); {
	case size < 1<<8:
		out = append(out, 0xc4, byte(size))
	case size < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 0xc5), uint16(size))
	default:
		out = binary.BigEndian.AppendUint32(append(out, 0xc6), uint32(size))
	}
	return append(out, value...)
}
