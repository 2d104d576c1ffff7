package sm2table

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"testing"

	"github.com/emmansun/gmsm/sm2"
)

var (
	curve = sm2.P256()
	n     = curve.Params().N
	p     = curve.Params().P
)

func toBig(value [4]uint64) *big.Int {
	out := new(big.Int)
	for i := 3; i >= 0; i-- {
		out.Or(out.Lsh(out, 64), new(big.Int).SetUint64(value[i]))
	}
	return out
}

func bytes32(value *big.Int) []byte { return value.FillBytes(make([]byte, 32)) }

func random(t testing.TB, below *big.Int) *big.Int {
	t.Helper()
	value, err := rand.Int(rand.Reader, below)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// edges returns the numbers at which carries go wrong: few, many or no bits set in each limb, around the modulus and
// its parts; and some random ones.
func edges(t testing.TB, modulus *big.Int) []*big.Int {
	found := []*big.Int{}
	for _, shift := range []uint{0, 31, 32, 63, 64, 95, 96, 127, 128, 160, 191, 192, 224, 255} {
		for delta := int64(-2); delta <= 2; delta++ {
			power := new(big.Int).Lsh(big.NewInt(1), shift)
			found = append(found, new(big.Int).Add(power, big.NewInt(delta)))
			found = append(found, new(big.Int).Sub(modulus, power.Add(power, big.NewInt(delta))))
		}
	}
	for range 40 {
		found = append(found, random(t, modulus))
	}
	inside := []*big.Int{big.NewInt(0), big.NewInt(1), new(big.Int).Sub(modulus, big.NewInt(1))}
	for _, value := range found {
		if value.Sign() >= 0 && value.Cmp(modulus) < 0 {
			inside = append(inside, value)
		}
	}
	return inside
}

func TestFieldAgainstBigIntegers(t *testing.T) {
	if toBig(prime).Cmp(p) != 0 || toBig(order).Cmp(n) != 0 {
		t.Fatal("not the curve's prime or order")
	}
	unshift := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), 256), p)
	values := edges(t, p)
	for _, a := range values {
		x := element(limbs(bytes32(a)))
		for _, b := range values {
			y := element(limbs(bytes32(b)))
			var product, sum, difference element
			product.multiply(&x, &y)
			sum.add(&x, &y)
			difference.subtract(&x, &y)
			wanted := new(big.Int).Mul(a, b)
			check(t, product, wanted.Mul(wanted, unshift))
			check(t, sum, new(big.Int).Add(a, b))
			check(t, difference, new(big.Int).Sub(a, b))
		}
		if a.Sign() != 0 {
			var inverse, back element
			inverse.invert(&x)
			back.multiply(&inverse, &x)
			if back != one {
				t.Fatalf("inverse of %x", a)
			}
		}
	}
}

func check(t *testing.T, got element, wanted *big.Int) {
	t.Helper()
	if wanted.Mod(wanted, p); toBig(got).Cmp(wanted) != 0 {
		t.Fatalf("got %x, want %x", toBig(got), wanted)
	}
}

func TestScalarsAgainstBigIntegers(t *testing.T) {
	values := edges(t, n)
	for _, a := range values {
		s := scalar(limbs(bytes32(a)))
		for _, b := range values {
			u := scalar(limbs(bytes32(b)))
			plus, minus := new(big.Int).Add(a, b), new(big.Int).Sub(a, b)
			if toBig(s.plus(u)).Cmp(plus.Mod(plus, n)) != 0 || toBig(s.minus(u)).Cmp(minus.Mod(minus, n)) != 0 {
				t.Fatalf("%x and %x", a, b)
			}
		}
		for _, window := range []int{keyWindow, generatorWindow} {
			back := new(big.Int)
			for position := 0; position < 256; position += window {
				digit := new(big.Int).SetUint64(s.digit(position, window))
				back.Or(back, digit.Lsh(digit, uint(position)))
			}
			if back.Cmp(a) != 0 {
				t.Fatalf("digits of %x give %x", a, back)
			}
		}
	}
}

// signed is a signature, good or not, with what it is said to sign.
type signed struct{ e, r, s *big.Int }

// made returns the digest and r that make any two factors of the verification's sum, s and k, a valid signature; not ok
// where no signature has them.
func made(x, y, s, k *big.Int) (signed, bool) {
	gx, gy := curve.ScalarBaseMult(bytes32(s))
	qx, qy := curve.ScalarMult(x, y, bytes32(k))
	sumX, sumY := curve.Add(gx, gy, qx, qy)
	r := new(big.Int).Sub(k, s)
	r.Mod(r, n)
	e := new(big.Int).Sub(r, sumX)
	atInfinity := sumX.Sign() == 0 && sumY.Sign() == 0
	return signed{e.Mod(e, n), r, s}, !atInfinity && r.Sign() != 0 && s.Sign() != 0 && k.Sign() != 0
}

func accepts(table *Table, one signed) bool {
	return table.Accepts(bytes32(one.e), append(bytes32(one.r), bytes32(one.s)...))
}

func gmsmAccepts(x, y *big.Int, one signed) bool {
	return sm2.Verify(&ecdsa.PublicKey{Curve: curve, X: x, Y: y}, bytes32(one.e), one.r, one.s)
}

// Keys that are small multiples of the generator make the two sums meet: equal, opposite, at infinity.
func TestSumsThatMeet(t *testing.T) {
	small := []int64{1, 2, 3, 31, 32, 33, 255, 256, 257, -1, -2, -32, -256}
	doubled, lost := 0, 0
	for _, d := range small {
		private := new(big.Int).Mod(big.NewInt(d), n)
		x, y := curve.ScalarBaseMult(bytes32(private))
		table := New(elliptic.Marshal(curve, x, y))
		for _, first := range small {
			for _, second := range small {
				s, k := new(big.Int).Mod(big.NewInt(first), n), new(big.Int).Mod(big.NewInt(second), n)
				signature, ok := made(x, y, s, k)
				if got := accepts(table, signature); got != ok || got != gmsmAccepts(x, y, signature) {
					t.Fatalf("key %d, s %d, k %d: %v, want %v", d, first, second, got, ok)
				}
				if first == second*d {
					doubled++
				}
				if first == -second*d {
					lost++
				}
			}
		}
	}
	if doubled == 0 || lost == 0 {
		t.Fatal("no case met")
	}
}

func TestSignaturesGoodAndBadAreJudgedAsGmsmDoes(t *testing.T) {
	factors := edges(t, n)
	for range 6 {
		key, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		table := New(elliptic.Marshal(curve, key.X, key.Y))
		for range 150 {
			pick := func() *big.Int { return factors[random(t, big.NewInt(int64(len(factors)))).Int64()] }
			signature, ok := made(key.X, key.Y, pick(), pick())
			if got := accepts(table, signature); got != ok || got != gmsmAccepts(key.X, key.Y, signature) {
				t.Fatalf("%v: %v, want %v", signature, got, ok)
			}
			for _, part := range []*big.Int{signature.e, signature.r, signature.s} {
				part.Add(part, big.NewInt(1))
				if part.Cmp(n) < 0 && accepts(table, signature) != gmsmAccepts(key.X, key.Y, signature) {
					t.Fatalf("changed: %v", signature)
				}
				part.Sub(part, big.NewInt(1))
			}
		}
	}
}

// An x between order and prime counts as x less the order; no random signature ever has one.
func TestAnXBeyondTheOrder(t *testing.T) {
	found := 0
	for i := int64(0); found < 3; i++ {
		x := new(big.Int).Add(n, big.NewInt(i))
		y := curveY(x)
		if y == nil {
			continue
		}
		found++
		s, k := random(t, n), random(t, n)
		gx, gy := curve.ScalarBaseMult(bytes32(s))
		restX, restY := curve.Add(x, y, gx, new(big.Int).Sub(p, gy))
		qx, qy := curve.ScalarMult(restX, restY, bytes32(new(big.Int).ModInverse(k, n)))
		signature, ok := made(qx, qy, s, k)
		if !ok || !gmsmAccepts(qx, qy, signature) {
			t.Fatal("the case is not what it should be")
		}
		if !accepts(New(elliptic.Marshal(curve, qx, qy)), signature) {
			t.Fatalf("x = n + %d refused", i)
		}
	}
}

func curveY(x *big.Int) *big.Int {
	square := new(big.Int).Exp(x, big.NewInt(3), p)
	square.Sub(square, new(big.Int).Mul(x, big.NewInt(3)))
	square.Add(square, curve.Params().B)
	return new(big.Int).ModSqrt(square.Mod(square, p), p)
}

func TestRangesAreRefused(t *testing.T) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	table := New(elliptic.Marshal(curve, key.X, key.Y))
	good, _ := made(key.X, key.Y, big.NewInt(7), big.NewInt(9))
	if !accepts(table, good) {
		t.Fatal("refused")
	}
	zero, top := big.NewInt(0), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	for _, bad := range []*big.Int{zero, n, new(big.Int).Add(n, good.r), new(big.Int).Add(n, good.s), top} {
		if bad.BitLen() <= 256 && (accepts(table, signed{good.e, bad, good.s}) || accepts(table, signed{good.e, good.r, bad})) {
			t.Fatalf("%x accepted", bad)
		}
	}
	if accepts(table, signed{good.e, good.r, new(big.Int).Sub(n, good.r)}) {
		t.Fatal("r + s = n accepted")
	}
}

func BenchmarkAccepts(b *testing.B) {
	key, _ := sm2.GenerateKey(rand.Reader)
	table := New(elliptic.Marshal(curve, key.X, key.Y))
	good, _ := made(key.X, key.Y, random(b, n), random(b, n))
	digest, signature := bytes32(good.e), append(bytes32(good.r), bytes32(good.s)...)
	for b.Loop() {
		if !table.Accepts(digest, signature) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkNew(b *testing.B) {
	key, _ := sm2.GenerateKey(rand.Reader)
	public := elliptic.Marshal(curve, key.X, key.Y)
	for b.Loop() {
		New(public)
	}
}

func BenchmarkMultiply(b *testing.B) {
	x := prime
	x[0] -= 77
	for b.Loop() {
		x.multiply(&x, &x)
	}
}
