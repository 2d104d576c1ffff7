package intl

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"errors"
)

// EncryptionOverhead is the encapsulated key and the tag, in bytes.
const EncryptionOverhead = 32 + 16

var (
	errPublic     = errors.New("public key is a low-order point")
	errCiphertext = errors.New("ciphertext does not open under this key")
)

func scheme() (hpke.KEM, hpke.KDF, hpke.AEAD) {
	return hpke.DHKEM(ecdh.X25519()), hpke.HKDFSHA256(), hpke.AES256GCM()
}

// EncryptionPublic returns the X25519 public key of a private one.
func EncryptionPublic(private []byte) ([]byte, error) {
	key, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	return key.PublicKey().Bytes(), nil
}

// CheckEncryptionPublic refuses points of low order: their shared secret is zero for every private key.
func CheckEncryptionPublic(public []byte) error {
	key, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return errPublic
	}
	probe, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if _, err = probe.ECDH(key); err != nil {
		return errPublic
	}
	return nil
}

// Encrypt returns encapsulated key || ciphertext || tag.
func Encrypt(public, plaintext []byte) ([]byte, error) {
	kem, kdf, aead := scheme()
	key, err := kem.NewPublicKey(public)
	if err != nil {
		return nil, errPublic
	}
	sealed, err := hpke.Seal(key, kdf, aead, nil, plaintext)
	if err != nil {
		return nil, errPublic
	}
	return sealed, nil
}

// Decrypt opens what Encrypt made.
func Decrypt(private, ciphertext []byte) ([]byte, error) {
	kem, kdf, aead := scheme()
	key, err := kem.NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	plaintext, err := hpke.Open(key, kdf, aead, nil, ciphertext)
	if err != nil {
		return nil, errCiphertext
	}
	return plaintext, nil
}
