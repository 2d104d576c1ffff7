// Package gm is SM2 over raw bytes: keys of 32 and 65 bytes, signatures r||s of
// 64, ciphertexts C1||C3||C2. The curve arithmetic is gmsm's. It never reads or
// writes DER, and never accepts a compressed point.
package gm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"math/big"
	"runtime"
	"sync/atomic"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"xinglin/native/internal/sm2table"
)

// Sizes in bytes.
const (
	PrivateKeySize = 32
	PublicKeySize  = 65
	SignatureSize  = 64
	digestSize     = sm3.Size

	// EncryptionOverhead is what Encrypt adds: C1 (an uncompressed point) and C3 (a digest).
	EncryptionOverhead = PublicKeySize + digestSize
)

const uncompressed = 0x04

// userID is the distinguishing identifier that GM/T 0009 gives for use where none was agreed.
var userID = []byte("1234567812345678")

// minusG is x and y of -G.
var minusG = negated(sm2.P256().Params())

var (
	errPublicKey  = errors.New("public key is not an uncompressed point on the curve, or is -G")
	errPrivateKey = errors.New("private key is not in [1, n-2]")
	errCiphertext = errors.New("ciphertext does not open under this key")
	errEmpty      = errors.New("empty plaintext has no ciphertext")
)

// Generate returns a new private key, uniform in [1, n-2].
func Generate() ([]byte, error) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return key.D.FillBytes(make([]byte, PrivateKeySize)), nil
}

// Private is a parsed private key, for signing and decrypting.
type Private struct {
	key *sm2.PrivateKey
	za  []byte
}

// ParsePrivate refuses keys outside [1, n-2] (GB/T 32918.1, 6.1).
func ParsePrivate(raw []byte) (*Private, error) {
	key, err := sm2.NewPrivateKey(raw)
	if err != nil {
		return nil, errPrivateKey
	}
	za, err := sm2.CalculateZA(&key.PublicKey, userID)
	if err != nil {
		return nil, errPrivateKey
	}
	return &Private{key: key, za: za}, nil
}

// Public returns the uncompressed public key.
func (p *Private) Public() []byte {
	out := make([]byte, PublicKeySize)
	out[0] = uncompressed
	p.key.X.FillBytes(out[1:33])
	p.key.Y.FillBytes(out[33:])
	return out
}

// Sign writes r||s over the message to out (GB/T 32918.2).
func (p *Private) Sign(message, out []byte) error {
	der, err := sm2.SignASN1(rand.Reader, p.key, digest(p.za, message), nil)
	if err != nil {
		return err
	}
	return fromDER(der, out)
}

// Decrypt opens C1||C3||C2 (GB/T 32918.4).
func (p *Private) Decrypt(ciphertext []byte) ([]byte, error) {
	// gmsm would also take compressed points and ASN.1: one form only is ours.
	if len(ciphertext) <= EncryptionOverhead || ciphertext[0] != uncompressed {
		return nil, errCiphertext
	}
	plaintext, err := sm2.Decrypt(p.key, ciphertext)
	if err != nil {
		return nil, errCiphertext
	}
	return plaintext, nil
}

// Public is a parsed public key with its identity hash, and a table of its multiples once it is used often.
type Public struct {
	key   *ecdsa.PublicKey
	za    []byte
	raw   []byte
	uses  atomic.Uint32
	table atomic.Pointer[sm2table.Table]
}

// ParsePublic refuses anything but an uncompressed point on the curve, and -G: it belongs to the private key n-1, which
// the standard excludes, because a signature under it would verify with any s.
func ParsePublic(raw []byte) (*Public, error) {
	if len(raw) != PublicKeySize || raw[0] != uncompressed || bytes.Equal(raw[1:], minusG) {
		return nil, errPublicKey
	}
	raw = bytes.Clone(raw)
	key, err := sm2.NewPublicKey(raw)
	if err != nil {
		return nil, errPublicKey
	}
	za, err := sm2.CalculateZA(key, userID)
	if err != nil {
		return nil, errPublicKey
	}
	return &Public{key: key, za: za, raw: raw}, nil
}

// Verify checks r||s over the message; r or s that is zero or not below n is refused.
// A table can only accept sooner: what it does not accept, gmsm judges.
func (p *Public) Verify(message, signature []byte) bool {
	if len(signature) != SignatureSize {
		return false
	}
	e := digest(p.za, message)
	if table := p.frequent(); table != nil && table.Accepts(e, signature) {
		return true
	}
	var buffer [maxDER]byte
	return sm2.VerifyASN1(p.key, e, toDER(signature, buffer[:0]))
}

// A table takes as long to make as 25 verifications without it, and 103 KB.
const (
	frequentUses = 64
	maxTables    = 256
)

var tables atomic.Int32

// frequent returns the key's table, which it makes at the 64th use; nil before, or while there are as many as may be.
func (p *Public) frequent() *sm2table.Table {
	if table := p.table.Load(); table != nil {
		return table
	}
	if p.uses.Add(1)%frequentUses != 0 {
		return nil
	}
	if tables.Add(1) > maxTables {
		tables.Add(-1)
		return nil
	}
	runtime.AddCleanup(p, func(made int32) { tables.Add(-made) }, 1)
	table := sm2table.New(p.raw)
	p.table.Store(table)
	return table
}

// Encrypt returns C1||C3||C2.
func (p *Public) Encrypt(plaintext []byte) ([]byte, error) {
	if len(plaintext) == 0 {
		return nil, errEmpty
	}
	return sm2.Encrypt(rand.Reader, p.key, plaintext, nil)
}

// negated returns x and p-y of the curve's generator, 32 bytes each.
func negated(curve *elliptic.CurveParams) []byte {
	point := make([]byte, PublicKeySize-1)
	curve.Gx.FillBytes(point[:32])
	new(big.Int).Sub(curve.P, curve.Gy).FillBytes(point[32:])
	return point
}

// digest is e = SM3(ZA || M).
func digest(za, message []byte) []byte {
	state := sm3.New()
	state.Write(za)
	state.Write(message)
	return state.Sum(make([]byte, 0, digestSize))
}
