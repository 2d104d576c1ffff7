package statetree

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sort"

	"xinglin/native/internal/hashing"
	"xinglin/native/internal/parallel"
)

// hashGrain is the least number of node hashes worth a goroutine of their own.
const hashGrain = 64

// change sets one key, or deletes it where value is nil.
type change struct {
	prefix uint64 // the key's first eight bytes, to compare without following a pointer
	key    []byte
	value  []byte
	leaf   reference // the leaf that is there already, where the change is none
}

// update is one batch under way: the new nodes of each depth still lack their hash.
type update struct {
	*nodes
	fresh [][]reference
	count int
}

// sorted returns the changes ascending by key, false when a key occurs twice.
func sorted(keys, values []byte) ([]change, bool) {
	changes := make([]change, len(keys)/Size)
	for i := range changes {
		key, value := keys[i*Size:(i+1)*Size], values[i*Size:(i+1)*Size]
		if isZero(value) {
			value = nil
		}
		changes[i] = change{prefix: binary.BigEndian.Uint64(key), key: key, value: value}
	}
	slices.SortFunc(changes, func(a, b change) int {
		if order := cmp.Compare(a.prefix, b.prefix); order != 0 {
			return order
		}
		return bytes.Compare(a.key, b.key)
	})
	for i := 1; i < len(changes); i++ {
		if bytes.Equal(changes[i-1].key, changes[i].key) {
			return nil, false
		}
	}
	return changes, true
}

// apply returns the subtree after the changes, held once for the caller. The old one stays as it is.
func (u *update) apply(old reference, changes []change, depth int) reference {
	switch {
	case len(changes) == 0:
		return u.hold(old)
	case old == empty:
		return u.grow(onlySets(changes), depth)
	case old.isLeaf():
		return u.applyToLeaf(old, changes, depth)
	}
	before := *u.node(old)
	middle := split(changes, depth)
	left := u.apply(before.left, changes[:middle], depth+1)
	right := u.apply(before.right, changes[middle:], depth+1)
	if left == before.left && right == before.right {
		u.release(left)
		u.release(right)
		return u.hold(old)
	}
	return u.join(left, right, depth)
}

// applyToLeaf lets the leaf's key take part as a change to itself, unless the batch changes it.
func (u *update) applyToLeaf(old reference, changes []change, depth int) reference {
	item := u.leaf(old)
	at, found := slices.BinarySearchFunc(changes, item.key[:], func(c change, key []byte) int { return bytes.Compare(c.key, key) })
	if found && !bytes.Equal(changes[at].value, item.value[:]) {
		u.count--
		return u.grow(onlySets(changes), depth)
	}
	u.count-- // grow counts it again
	kept := change{key: item.key[:], leaf: old}
	all := make([]change, 0, len(changes)+1)
	all = append(append(append(all, changes[:at]...), kept), changes[at+b2i(found):]...)
	return u.grow(onlySets(all), depth)
}

// grow builds a subtree of new keys, ascending and none of them a deletion.
func (u *update) grow(sets []change, depth int) reference {
	switch {
	case len(sets) == 0:
		return empty
	case len(sets) > 1:
		middle := split(sets, depth)
		return u.join(u.grow(sets[:middle], depth+1), u.grow(sets[middle:], depth+1), depth)
	}
	u.count++
	if sets[0].leaf != empty {
		return u.hold(sets[0].leaf)
	}
	return u.newLeaf(sets[0].key, sets[0].value)
}

// join gives the subtree of two halves: one leaf alone moves up, for a subtree with one key is its leaf.
func (u *update) join(left, right reference, depth int) reference {
	if left == empty && (right == empty || right.isLeaf()) {
		return right
	}
	if right == empty && left.isLeaf() {
		return left
	}
	made := u.newNode(left, right)
	for len(u.fresh) <= depth {
		u.fresh = append(u.fresh, nil)
	}
	u.fresh[depth] = append(u.fresh[depth], made)
	return made
}

// hashAll computes the hashes of all new nodes, the deepest first.
func (u *update) hashAll(algorithm hashing.Algorithm) {
	for depth := len(u.fresh) - 1; depth >= 0; depth-- {
		level := u.fresh[depth]
		parallel.Range(len(level), hashGrain, func(low, high int) {
			hasher := algorithm.New()
			for _, r := range level[low:high] {
				u.rehash(hasher, r)
			}
		})
	}
}

// split returns how many of the ascending changes have bit 0 at this depth.
func split(changes []change, depth int) int {
	return sort.Search(len(changes), func(i int) bool { return bit(changes[i].key, depth) == 1 })
}

func onlySets(changes []change) []change {
	isSet := func(c change) bool { return c.value != nil || c.leaf != empty }
	if !slices.ContainsFunc(changes, func(c change) bool { return !isSet(c) }) {
		return changes
	}
	var sets []change
	for _, c := range changes {
		if isSet(c) {
			sets = append(sets, c)
		}
	}
	return sets
}

// bit returns bit number depth of a key, from the most significant of the first byte.
func bit(key []byte, depth int) byte { return key[depth>>3] >> (7 - depth&7) & 1 }

func isZero(value []byte) bool {
	for _, b := range value {
		if b != 0 {
			return false
		}
	}
	return true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
