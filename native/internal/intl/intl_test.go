package intl

import (
	"crypto/rand"
	"math/big"
	"slices"
	"testing"
)

// double doubles a point of the curve in affine coordinates (RFC 8032, 5.1.4, with both points equal).
func double(x, y *big.Int) (*big.Int, *big.Int) {
	square := func(a *big.Int) *big.Int { return new(big.Int).Mul(a, a) }
	cross := new(big.Int).Mul(curveD, new(big.Int).Mul(square(x), square(y)))
	one := big.NewInt(1)
	doubledX := quotient(new(big.Int).Lsh(new(big.Int).Mul(x, y), 1), new(big.Int).Add(one, cross))
	doubledY := quotient(new(big.Int).Add(square(y), square(x)), new(big.Int).Sub(one, cross))
	return doubledX, doubledY
}

func TestSmallOrderTableHoldsPointsOfOrderEightAtMost(t *testing.T) {
	for _, y := range smallOrder {
		square := new(big.Int).Mul(y, y)
		numerator := new(big.Int).Sub(square, big.NewInt(1))
		denominator := new(big.Int).Add(new(big.Int).Mul(curveD, square), big.NewInt(1))
		x := new(big.Int).ModSqrt(quotient(numerator, denominator), prime)
		if x == nil {
			t.Fatalf("%x is not the y of a point", y)
		}
		for range 3 {
			x, y = double(x, y)
		}
		if x.Sign() != 0 || y.Cmp(big.NewInt(1)) != 0 {
			t.Fatal("not of order 8 or less")
		}
	}
}

func TestPublicKeysAreRecognised(t *testing.T) {
	seed := make([]byte, PrivateKeySize)
	others := 0
	for range 200 {
		rand.Read(seed)
		if !IsPublic(Public(seed)) {
			t.Fatalf("own public key %x refused", Public(seed))
		}
		if !IsPublic(seed) {
			others++
		}
	}
	if others < 50 || others > 150 {
		t.Fatalf("%d of 200 random strings are no points; about half should be", others)
	}
	for _, y := range append(slices.Clone(smallOrder), prime, new(big.Int).Add(prime, big.NewInt(3))) {
		raw := y.FillBytes(make([]byte, PublicKeySize))
		slices.Reverse(raw)
		if IsPublic(raw) {
			t.Fatalf("%x accepted", raw)
		}
	}
}
