package main

/*
#include <stddef.h>
#include <stdint.h>
*/
import "C"

import (
	"crypto/ed25519"

	"xinglin/native/internal/intl"
	"xinglin/native/internal/parallel"
)

//export xl_ed25519_public
func xl_ed25519_public(private, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	copy(view(out, intl.PublicKeySize), intl.Public(view(private, intl.PrivateKeySize)))
	return statusOK
}

//export xl_ed25519_check_public
func xl_ed25519_check_public(public *C.uint8_t, size C.size_t) (status C.int) {
	defer guard(&status)
	if size != intl.PublicKeySize || !intl.IsPublic(view(public, int(size))) {
		return statusKey
	}
	return statusOK
}

// One key signs n messages; out has room for n signatures.
//
//export xl_ed25519_sign_many
func xl_ed25519_sign_many(private, data *C.uint8_t, total C.size_t, lengths *C.uint64_t, n C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	messages, ok := readBlob(data, total, lengths, n)
	if !ok {
		return statusInvalid
	}
	key := ed25519.NewKeyFromSeed(view(private, intl.PrivateKeySize))
	signatures := view(out, messages.count()*intl.SignatureSize)
	parallel.Range(messages.count(), curveGrain, func(low, high int) {
		for i := low; i < high; i++ {
			copy(signatures[i*intl.SignatureSize:], ed25519.Sign(key, messages.item(i)))
		}
	})
	return statusOK
}

// n keys, n signatures, n messages; out receives one byte each, 1 where it verifies.
//
//export xl_ed25519_verify_many
func xl_ed25519_verify_many(publics, signatures, data *C.uint8_t, total C.size_t, lengths *C.uint64_t, n C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	messages, ok := readBlob(data, total, lengths, n)
	if !ok {
		return statusInvalid
	}
	count := messages.count()
	keys, signed, verdicts := view(publics, count*intl.PublicKeySize), view(signatures, count*intl.SignatureSize), view(out, count)
	parallel.Range(count, curveGrain, func(low, high int) {
		for i := low; i < high; i++ {
			verdicts[i] = 0
			if intl.Verify(keys[i*intl.PublicKeySize:(i+1)*intl.PublicKeySize], messages.item(i), signed[i*intl.SignatureSize:(i+1)*intl.SignatureSize]) {
				verdicts[i] = 1
			}
		}
	})
	return statusOK
}

//export xl_hpke_public
func xl_hpke_public(private, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	public, err := intl.EncryptionPublic(view(private, intl.PrivateKeySize))
	if err != nil {
		return statusKey
	}
	copy(view(out, intl.PublicKeySize), public)
	return statusOK
}

//export xl_hpke_check_public
func xl_hpke_check_public(public *C.uint8_t, size C.size_t) (status C.int) {
	defer guard(&status)
	if size != intl.PublicKeySize || intl.CheckEncryptionPublic(view(public, int(size))) != nil {
		return statusKey
	}
	return statusOK
}

// out has room for size + 48 bytes.
//
//export xl_hpke_encrypt
func xl_hpke_encrypt(public, plaintext *C.uint8_t, size C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	if size > maxBytes {
		return statusInvalid
	}
	ciphertext, err := intl.Encrypt(view(public, intl.PublicKeySize), view(plaintext, int(size)))
	if err != nil {
		return statusKey
	}
	copy(view(out, int(size)+intl.EncryptionOverhead), ciphertext)
	return statusOK
}

// out has room for size - 48 bytes.
//
//export xl_hpke_decrypt
func xl_hpke_decrypt(private, ciphertext *C.uint8_t, size C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	if size < intl.EncryptionOverhead || size > maxBytes {
		return statusRefused
	}
	plaintext, err := intl.Decrypt(view(private, intl.PrivateKeySize), view(ciphertext, int(size)))
	if err != nil {
		return statusRefused
	}
	copy(view(out, int(size)-intl.EncryptionOverhead), plaintext)
	return statusOK
}
