// Package aead seals and opens with SM4-GCM and AES-256-GCM under nonces that
// the caller chooses. It never chooses a nonce.
package aead

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/emmansun/gmsm/sm4"
)

// Sizes of both algorithms, in bytes.
const (
	NonceSize = 12
	TagSize   = 16
)

// Algorithm is the number by which callers of the library name a cipher.
type Algorithm int

// The ciphers of the suites gm and intl.
const (
	SM4GCM    Algorithm = 1
	AES256GCM Algorithm = 2
)

// KeySize returns the key's length in bytes, 0 for an unknown algorithm.
func (a Algorithm) KeySize() int {
	switch a {
	case SM4GCM:
		return 16
	case AES256GCM:
		return 32
	}
	return 0
}

// New returns the cipher under one key, which must be KeySize bytes long.
func (a Algorithm) New(key []byte) (cipher.AEAD, error) {
	block, err := a.block(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (a Algorithm) block(key []byte) (cipher.Block, error) {
	if a == SM4GCM {
		return sm4.NewCipher(key)
	}
	return aes.NewCipher(key)
}
