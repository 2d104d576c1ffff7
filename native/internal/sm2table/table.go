package sm2table

import (
	"encoding/hex"
	"math/big"
	"sync"
)

// Windows of the two tables, in bits: the generator's has 522 KB, one for the
// whole process; a key's has 103 KB.
const (
	generatorWindow = 8
	keyWindow       = 5
)

// Constants in Montgomery form, computed once by math/big.
var (
	square2 = montgomery(new(big.Int).Lsh(big.NewInt(1), 256)) // converts by one multiplication
	one     = montgomery(big.NewInt(1))
)

var generator = sync.OnceValue(func() *Table {
	x, _ := hex.DecodeString("32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7")
	y, _ := hex.DecodeString("bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0")
	return newTable(affine{fromBytes(x), fromBytes(y)}, generatorWindow)
})

// Table holds the multiples of a point that a sum of digits needs: entry
// [i][j-1] is j * 2^(window * i) times the point.
type Table struct {
	window  int
	entries [][]affine
}

// New makes the table of a public key, 65 bytes that are known to be an uncompressed point on the curve.
func New(public []byte) *Table {
	return newTable(affine{fromBytes(public[1:33]), fromBytes(public[33:65])}, keyWindow)
}

func newTable(base affine, window int) *Table {
	table := &Table{window, make([][]affine, (256+window-1)/window)}
	multiples, last := make([]point, 1<<window), affine{}
	for i := range table.entries {
		multiples[0] = point{base.x, base.y, one}
		for j := 1; j < len(multiples); j++ {
			multiples[j] = multiples[j-1]
			multiples[j].add(&base)
		}
		all := make([]affine, len(multiples))
		normalise(multiples, all)
		table.entries[i], last = all[:len(all)-1], all[len(all)-1]
		base = last
	}
	return table
}

// addTo adds k times the table's point to a sum.
func (t *Table) addTo(total *point, k scalar) {
	for i, row := range t.entries {
		if digit := k.digit(i*t.window, t.window); digit != 0 {
			total.add(&row[digit-1])
		}
	}
}

// Accepts tells whether r||s signs a digest (e of GB/T 32918.2) under the table's
// key. False means that it does not, or that the form is not the usual one.
func (t *Table) Accepts(digest, signature []byte) bool {
	r, s := scalar(limbs(signature[:32])), scalar(limbs(signature[32:64]))
	if r.isZero() || s.isZero() || !inRange(r) || !inRange(s) {
		return false
	}
	k := r.plus(s)
	if k.isZero() {
		return false
	}
	var total point
	generator().addTo(&total, s)
	t.addTo(&total, k)
	if total.z.isZero() {
		return false
	}
	// The standard asks for e + x = r modulo the order; x = r - e is compared with total.x / z^2 without a division.
	// x is below the prime, which is above the order: two numbers below it can be the same x modulo the order.
	x := r.minus(reduced(limbs(digest), false))
	if total.hasX(x) {
		return true
	}
	n, p := [4]uint64(order), [4]uint64(prime)
	higher, over := sum((*[4]uint64)(&x), &n)
	return !over && less(&higher, &p) && total.hasX(higher)
}

// hasX tells whether the point's affine x is a number below the prime.
func (p *point) hasX(x [4]uint64) bool {
	wanted := element(x)
	wanted.multiply(&wanted, &square2)
	var zz element
	zz.multiply(&p.z, &p.z)
	wanted.multiply(&wanted, &zz)
	return wanted == p.x
}

func inRange(s scalar) bool {
	value, n := [4]uint64(s), [4]uint64(order)
	return less(&value, &n)
}

// fromBytes converts 32 bytes, most significant first, of a number below the prime.
func fromBytes(bytes []byte) element {
	value := element(limbs(bytes))
	value.multiply(&value, &square2)
	return value
}

// montgomery returns value * 2^256 modulo the prime.
func montgomery(value *big.Int) element {
	var p [32]byte
	for i, limb := range prime {
		for b := range 8 {
			p[31-8*i-b] = byte(limb >> (8 * b))
		}
	}
	shifted := new(big.Int).Lsh(value, 256)
	return element(limbs(shifted.Mod(shifted, new(big.Int).SetBytes(p[:])).FillBytes(make([]byte, 32))))
}
