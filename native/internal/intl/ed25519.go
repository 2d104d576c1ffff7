// Package intl is Ed25519 (RFC 8032) and HPKE base mode (RFC 9180: X25519,
// HKDF-SHA256, AES-256-GCM) over raw bytes, by Go's standard library.
package intl

import (
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"slices"
)

// Sizes in bytes; the private key is the 32-byte seed of RFC 8032.
const (
	PrivateKeySize = ed25519.SeedSize
	PublicKeySize  = ed25519.PublicKeySize
	SignatureSize  = ed25519.SignatureSize
)

var (
	prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	// curveD is -121665/121666, the curve's constant (RFC 8032, 5.1).
	curveD = quotient(big.NewInt(-121665), big.NewInt(121666))
	// smallOrder holds the y of the points of order 1, 2, 4 and 8: such a key verifies signatures that nobody made.
	smallOrder = []*big.Int{
		big.NewInt(0),
		big.NewInt(1),
		new(big.Int).Sub(prime, big.NewInt(1)),
		littleEndian("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
		littleEndian("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
	}
)

// Public returns the public key of a seed.
func Public(seed []byte) []byte {
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

// IsPublic tells whether the bytes encode a point of the curve, canonically and not of small order.
func IsPublic(raw []byte) bool {
	y, allowed := coordinate(raw)
	if !allowed {
		return false
	}
	// x^2 = (y^2 - 1) / (d y^2 + 1) has a root if and only if numerator times denominator is a square.
	square := new(big.Int).Mul(y, y)
	numerator := new(big.Int).Sub(square, big.NewInt(1))
	denominator := new(big.Int).Add(new(big.Int).Mul(curveD, square), big.NewInt(1))
	return big.Jacobi(numerator.Mul(numerator, denominator).Mod(numerator, prime), prime) == 1
}

// Verify checks a signature under a key that is canonical and not of small order.
func Verify(public, message, signature []byte) bool {
	_, allowed := coordinate(public)
	return allowed && ed25519.Verify(public, message, signature)
}

// coordinate returns y, and whether it is reduced and not that of a small-order point.
func coordinate(raw []byte) (*big.Int, bool) {
	bytes := slices.Clone(raw)
	slices.Reverse(bytes)
	bytes[0] &= 0x7f // the sign of x
	y := new(big.Int).SetBytes(bytes)
	isSmall := slices.ContainsFunc(smallOrder, func(small *big.Int) bool { return small.Cmp(y) == 0 })
	return y, y.Cmp(prime) < 0 && !isSmall
}

func quotient(a, b *big.Int) *big.Int {
	out := new(big.Int).Mul(a, new(big.Int).ModInverse(b, prime))
	return out.Mod(out, prime)
}

func littleEndian(text string) *big.Int {
	bytes, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	slices.Reverse(bytes)
	return new(big.Int).SetBytes(bytes)
}
