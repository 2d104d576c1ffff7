package sm2table

import (
	"encoding/binary"
	"math/bits"
)

// scalar is a number modulo the group's order, least significant limb first, always below the order.
type scalar [4]uint64

var order = scalar{0x53bbf40939d54123, 0x7203df6b21c6052b, 0xffffffffffffffff, 0xfffffffeffffffff}

// limbs reads 32 bytes, most significant first.
func limbs(bytes []byte) [4]uint64 {
	return [4]uint64{
		binary.BigEndian.Uint64(bytes[24:]), binary.BigEndian.Uint64(bytes[16:]),
		binary.BigEndian.Uint64(bytes[8:]), binary.BigEndian.Uint64(bytes),
	}
}

// less tells whether a is below b.
func less(a, b *[4]uint64) bool {
	_, borrow := bits.Sub64(a[0], b[0], 0)
	_, borrow = bits.Sub64(a[1], b[1], borrow)
	_, borrow = bits.Sub64(a[2], b[2], borrow)
	_, borrow = bits.Sub64(a[3], b[3], borrow)
	return borrow != 0
}

// difference returns a - b modulo 2^256, and whether it went below zero.
func difference(a, b *[4]uint64) (out [4]uint64, below bool) {
	var borrow uint64
	for i := range out {
		out[i], borrow = bits.Sub64(a[i], b[i], borrow)
	}
	return out, borrow != 0
}

// sum returns a + b modulo 2^256, and whether it went over.
func sum(a, b *[4]uint64) (out [4]uint64, over bool) {
	var carry uint64
	for i := range out {
		out[i], carry = bits.Add64(a[i], b[i], carry)
	}
	return out, carry != 0
}

// reduced returns a number below twice the order, less the order if need be.
func reduced(value [4]uint64, over bool) scalar {
	n := [4]uint64(order)
	if over || !less(&value, &n) {
		value, _ = difference(&value, &n)
	}
	return value
}

func (s scalar) plus(t scalar) scalar { return reduced(sum((*[4]uint64)(&s), (*[4]uint64)(&t))) }

func (s scalar) minus(t scalar) scalar {
	out, below := difference((*[4]uint64)(&s), (*[4]uint64)(&t))
	if below {
		n := [4]uint64(order)
		out, _ = sum(&out, &n)
	}
	return out
}

func (s scalar) isZero() bool { return s == scalar{} }

// digit returns count bits from a position on; bits above the number are zero.
func (s scalar) digit(position, count int) uint64 {
	value := s[position/64] >> (position % 64)
	if rest := position%64 + count - 64; rest > 0 && position/64 < 3 {
		value |= s[position/64+1] << (64 - position%64)
	}
	return value & (1<<count - 1)
}
