package statetree

import "xinglin/native/internal/hashing"

// nodes owns all nodes of a tree and counts who holds them.
type nodes struct {
	inner      pool[node]
	leaves     pool[leaf]
	freeInner  uint32
	freeLeaves uint32
}

func newNodes(memory Memory) *nodes {
	return &nodes{inner: newPool[node](memory), leaves: newPool[leaf](memory)}
}

func (n *nodes) node(r reference) *node { return n.inner.at(r.index()) }
func (n *nodes) leaf(r reference) *leaf { return n.leaves.at(r.index()) }

// newLeaf returns a leaf with one holder, the caller.
func (n *nodes) newLeaf(key, value []byte) reference {
	index := n.freeLeaves
	if index != 0 {
		n.freeLeaves = n.leaves.at(index).holders
	} else {
		index = n.leaves.next()
	}
	item := n.leaves.at(index)
	item.key, item.value, item.holders = [Size]byte(key), [Size]byte(value), 1
	n.leaves.used++
	return reference(index) | leafBit
}

// newNode returns an inner node with one holder, the caller, which hands its hold of both halves over to it.
// Its hash is still to be computed.
func (n *nodes) newNode(left, right reference) reference {
	index := n.freeInner
	if index != 0 {
		n.freeInner = uint32(n.inner.at(index).left)
	} else {
		index = n.inner.next()
	}
	item := n.inner.at(index)
	item.left, item.right, item.holders = left, right, 1
	n.inner.used++
	return reference(index)
}

// hold counts one more holder of a subtree and returns it.
func (n *nodes) hold(r reference) reference {
	switch {
	case r == empty:
	case r.isLeaf():
		n.leaf(r).holders++
	default:
		n.node(r).holders++
	}
	return r
}

// release counts one holder less, and frees what nobody holds. The recursion is at most 256 deep.
func (n *nodes) release(r reference) {
	if r == empty {
		return
	}
	if r.isLeaf() {
		item := n.leaf(r)
		if item.holders--; item.holders == 0 {
			item.holders, n.freeLeaves = n.freeLeaves, r.index()
			n.leaves.used--
		}
		return
	}
	item := n.node(r)
	if item.holders--; item.holders == 0 {
		left, right := item.left, item.right
		item.left, n.freeInner = reference(n.freeInner), r.index()
		n.inner.used--
		n.release(left)
		n.release(right)
	}
}

// hash writes the hash of a subtree whose inner nodes are hashed; the empty one's is zero.
func (n *nodes) hash(hasher *hashing.Hasher, r reference, out *[Size]byte) {
	switch {
	case r == empty:
		*out = [Size]byte{}
	case r.isLeaf():
		item := n.leaf(r)
		hasher.Pair(out[:], hashing.LeafPrefix, item.key[:], item.value[:])
	default:
		*out = n.node(r).hash
	}
}

// rehash computes an inner node's hash from its halves.
func (n *nodes) rehash(hasher *hashing.Hasher, r reference) {
	var left, right [Size]byte
	item := n.node(r)
	n.hash(hasher, item.left, &left)
	n.hash(hasher, item.right, &right)
	hasher.Pair(item.hash[:], hashing.NodePrefix, left[:], right[:])
}
