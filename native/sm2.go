package main

/*
#include <stddef.h>
#include <stdint.h>
*/
import "C"

import (
	"sync/atomic"

	"xinglin/native/internal/gm"
	"xinglin/native/internal/parallel"
)

// Curve operations are long enough for small shares.
const curveGrain = 4

// Parsing a private key costs as much as a signature. The few that a node uses
// are in its memory anyway, in the key store.
var (
	publicKeys  = gm.NewCache(8192, gm.ParsePublic)
	privateKeys = gm.NewCache(32, gm.ParsePrivate)
)

//export xl_sm2_generate
func xl_sm2_generate(out *C.uint8_t) (status C.int) {
	defer guard(&status)
	key, err := gm.Generate()
	if err != nil {
		return statusFault
	}
	copy(view(out, gm.PrivateKeySize), key)
	return statusOK
}

//export xl_sm2_public
func xl_sm2_public(private, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	key, err := privateKeys.Get(view(private, gm.PrivateKeySize))
	if err != nil {
		return statusKey
	}
	copy(view(out, gm.PublicKeySize), key.Public())
	return statusOK
}

//export xl_sm2_check_public
func xl_sm2_check_public(public *C.uint8_t, size C.size_t) (status C.int) {
	defer guard(&status)
	if size != gm.PublicKeySize {
		return statusKey
	}
	if _, err := publicKeys.Get(view(public, int(size))); err != nil {
		return statusKey
	}
	return statusOK
}

// One key signs n messages; out has room for n signatures.
//
//export xl_sm2_sign_many
func xl_sm2_sign_many(private, data *C.uint8_t, total C.size_t, lengths *C.uint64_t, n C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	messages, ok := readBlob(data, total, lengths, n)
	if !ok {
		return statusInvalid
	}
	key, err := privateKeys.Get(view(private, gm.PrivateKeySize))
	if err != nil {
		return statusKey
	}
	signatures := view(out, messages.count()*gm.SignatureSize)
	var failed atomic.Bool
	parallel.Range(messages.count(), curveGrain, func(low, high int) {
		for i := low; i < high; i++ {
			if key.Sign(messages.item(i), signatures[i*gm.SignatureSize:(i+1)*gm.SignatureSize]) != nil {
				failed.Store(true)
			}
		}
	})
	if failed.Load() {
		return statusFault
	}
	return statusOK
}

// n keys, n signatures, n messages; out receives one byte each, 1 where it verifies.
//
//export xl_sm2_verify_many
func xl_sm2_verify_many(publics, signatures, data *C.uint8_t, total C.size_t, lengths *C.uint64_t, n C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	messages, ok := readBlob(data, total, lengths, n)
	if !ok {
		return statusInvalid
	}
	count := messages.count()
	keys, signed, verdicts := view(publics, count*gm.PublicKeySize), view(signatures, count*gm.SignatureSize), view(out, count)
	parallel.Range(count, curveGrain, func(low, high int) {
		for i := low; i < high; i++ {
			verdicts[i] = verify(keys[i*gm.PublicKeySize:(i+1)*gm.PublicKeySize], messages.item(i), signed[i*gm.SignatureSize:(i+1)*gm.SignatureSize])
		}
	})
	return statusOK
}

func verify(public, message, signature []byte) byte {
	key, err := publicKeys.Get(public)
	if err != nil || !key.Verify(message, signature) {
		return 0
	}
	return 1
}

// out has room for size + 97 bytes.
//
//export xl_sm2_encrypt
func xl_sm2_encrypt(public, plaintext *C.uint8_t, size C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	if size == 0 || size > maxBytes {
		return statusInvalid
	}
	key, err := publicKeys.Get(view(public, gm.PublicKeySize))
	if err != nil {
		return statusKey
	}
	ciphertext, err := key.Encrypt(view(plaintext, int(size)))
	if err != nil || len(ciphertext) != int(size)+gm.EncryptionOverhead {
		return statusFault
	}
	copy(view(out, len(ciphertext)), ciphertext)
	return statusOK
}

// out has room for size - 97 bytes.
//
//export xl_sm2_decrypt
func xl_sm2_decrypt(private, ciphertext *C.uint8_t, size C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	if size <= gm.EncryptionOverhead || size > maxBytes {
		return statusRefused
	}
	key, err := privateKeys.Get(view(private, gm.PrivateKeySize))
	if err != nil {
		return statusKey
	}
	plaintext, err := key.Decrypt(view(ciphertext, int(size)))
	if err != nil {
		return statusRefused
	}
	copy(view(out, int(size)-gm.EncryptionOverhead), plaintext)
	return statusOK
}
