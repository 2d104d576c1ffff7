// Package sm2table verifies SM2 signatures under public keys that come back
// often, with tables of the key's multiples: without doublings a verification
// takes a fraction of the time (docs/adr/0012-tables-for-frequent-keys.md).
//
// It works on public values only and is not constant-time: it must never see a
// private key. Nor does it refuse anything: a signature that it does not accept
// is for gmsm to judge.
package sm2table

import "math/bits"

// element is a number modulo the curve's prime in Montgomery form (x * 2^256), least significant limb first,
// always below the prime.
type element [4]uint64

// The prime 2^256 - 2^224 - 2^96 + 2^64 - 1.
var prime = element{0xffffffffffffffff, 0xffffffff00000000, 0xffffffffffffffff, 0xfffffffeffffffff}

// multiply sets z = x * y, by Montgomery's method one limb of x at a time.
//
// The prime is -1 modulo 2^64, so the multiple of it that clears the lowest limb
// is that limb itself, m; and m * prime + (a number that ends in m) is, above the
// lowest limb, m * (2^192 - 2^160 - 2^32 + 1): shifts instead of products.
func (z *element) multiply(x, y *element) {
	var t0, t1, t2, t3, t4 uint64
	for _, limb := range x {
		h0, l0 := bits.Mul64(limb, y[0])
		h1, l1 := bits.Mul64(limb, y[1])
		h2, l2 := bits.Mul64(limb, y[2])
		h3, l3 := bits.Mul64(limb, y[3])
		var carry, t5 uint64
		t0, carry = bits.Add64(t0, l0, 0)
		t1, carry = bits.Add64(t1, l1, carry)
		t2, carry = bits.Add64(t2, l2, carry)
		t3, carry = bits.Add64(t3, l3, carry)
		t4, t5 = bits.Add64(t4, 0, carry)
		t1, carry = bits.Add64(t1, h0, 0)
		t2, carry = bits.Add64(t2, h1, carry)
		t3, carry = bits.Add64(t3, h2, carry)
		t4, carry = bits.Add64(t4, h3, carry)
		t5 += carry

		m := t0
		a0, borrow := bits.Sub64(m, m<<32, 0)
		a1, borrow := bits.Sub64(0, m>>32, borrow)
		a2, borrow := bits.Sub64(0, m<<32, borrow)
		a3, _ := bits.Sub64(m, m>>32, borrow)
		t0, carry = bits.Add64(t1, a0, 0)
		t1, carry = bits.Add64(t2, a1, carry)
		t2, carry = bits.Add64(t3, a2, carry)
		t3, carry = bits.Add64(t4, a3, carry)
		t4 = t5 + carry
	}
	z.reduce(t0, t1, t2, t3, t4)
}

// reduce sets z to a number below twice the prime, less the prime if need be.
func (z *element) reduce(t0, t1, t2, t3, t4 uint64) {
	r0, borrow := bits.Sub64(t0, prime[0], 0)
	r1, borrow := bits.Sub64(t1, prime[1], borrow)
	r2, borrow := bits.Sub64(t2, prime[2], borrow)
	r3, borrow := bits.Sub64(t3, prime[3], borrow)
	if _, borrow = bits.Sub64(t4, 0, borrow); borrow != 0 {
		*z = element{t0, t1, t2, t3}
		return
	}
	*z = element{r0, r1, r2, r3}
}

// add sets z = x + y.
func (z *element) add(x, y *element) {
	t0, carry := bits.Add64(x[0], y[0], 0)
	t1, carry := bits.Add64(x[1], y[1], carry)
	t2, carry := bits.Add64(x[2], y[2], carry)
	t3, carry := bits.Add64(x[3], y[3], carry)
	z.reduce(t0, t1, t2, t3, carry)
}

// subtract sets z = x - y.
func (z *element) subtract(x, y *element) {
	t0, borrow := bits.Sub64(x[0], y[0], 0)
	t1, borrow := bits.Sub64(x[1], y[1], borrow)
	t2, borrow := bits.Sub64(x[2], y[2], borrow)
	t3, borrow := bits.Sub64(x[3], y[3], borrow)
	if borrow != 0 {
		var carry uint64
		t0, carry = bits.Add64(t0, prime[0], 0)
		t1, carry = bits.Add64(t1, prime[1], carry)
		t2, carry = bits.Add64(t2, prime[2], carry)
		t3, _ = bits.Add64(t3, prime[3], carry)
	}
	*z = element{t0, t1, t2, t3}
}

// invert sets z = 1/x, by Fermat: x to the power of prime - 2. x is not zero.
func (z *element) invert(x *element) {
	exponent := prime
	exponent[0] -= 2
	base, power := *x, one
	for i := 255; i >= 0; i-- {
		power.multiply(&power, &power)
		if exponent[i/64]>>(i%64)&1 == 1 {
			power.multiply(&power, &base)
		}
	}
	*z = power
}

func (z *element) isZero() bool { return *z == element{} }
