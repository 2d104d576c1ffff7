package main

/*
#include <stddef.h>
#include <stdint.h>
*/
import "C"

import (
	"xinglin/native/internal/aead"
	"xinglin/native/internal/parallel"
)

// sealing is one batch: item i has its own key, nonce, text and additional data.
type sealing struct {
	algorithm    aead.Algorithm
	keys, nonces []byte
	texts, aads  blob
}

func readSealing(algorithm C.int, keys, nonces, data *C.uint8_t, total C.size_t, lengths *C.uint64_t,
	aadData *C.uint8_t, aadTotal C.size_t, aadLengths *C.uint64_t, n C.size_t) (sealing, bool) {
	cipher := aead.Algorithm(algorithm)
	texts, textsOK := readBlob(data, total, lengths, n)
	aads, aadsOK := readBlob(aadData, aadTotal, aadLengths, n)
	if !textsOK || !aadsOK || cipher.KeySize() == 0 {
		return sealing{}, false
	}
	return sealing{cipher, view(keys, int(n)*cipher.KeySize()), view(nonces, int(n)*aead.NonceSize), texts, aads}, true
}

func (s sealing) key(i int) []byte {
	return s.keys[i*s.algorithm.KeySize() : (i+1)*s.algorithm.KeySize()]
}
func (s sealing) nonce(i int) []byte { return s.nonces[i*aead.NonceSize : (i+1)*aead.NonceSize] }

// grain gives each goroutine enough bytes to be worth starting.
func (s sealing) grain() int {
	average := len(s.texts.bytes)/max(1, s.texts.count()) + 64
	return max(1, 16384/average)
}

// out has room for every text plus 16 bytes each, end to end.
//
//export xl_seal_many
func xl_seal_many(algorithm C.int, keys, nonces, data *C.uint8_t, total C.size_t, lengths *C.uint64_t,
	aadData *C.uint8_t, aadTotal C.size_t, aadLengths *C.uint64_t, n C.size_t, out *C.uint8_t) (status C.int) {
	defer guard(&status)
	batch, ok := readSealing(algorithm, keys, nonces, data, total, lengths, aadData, aadTotal, aadLengths, n)
	if !ok {
		return statusInvalid
	}
	sealed := view(out, int(total)+int(n)*aead.TagSize)
	parallel.Range(int(n), batch.grain(), func(low, high int) {
		for i := low; i < high; i++ {
			cipher, err := batch.algorithm.New(batch.key(i))
			if err != nil {
				panic(err)
			}
			start := batch.texts.starts[i] + i*aead.TagSize
			end := batch.texts.starts[i+1] + (i+1)*aead.TagSize
			cipher.Seal(sealed[start:start:end], batch.nonce(i), batch.texts.item(i), batch.aads.item(i))
		}
	})
	return statusOK
}

// Each text is ciphertext || tag; out has room for every text less 16 bytes each.
// verdicts receives 1 where an item opened; the bytes of an item that did not are zero.
//
//export xl_open_many
func xl_open_many(algorithm C.int, keys, nonces, data *C.uint8_t, total C.size_t, lengths *C.uint64_t,
	aadData *C.uint8_t, aadTotal C.size_t, aadLengths *C.uint64_t, n C.size_t, out, verdicts *C.uint8_t) (status C.int) {
	defer guard(&status)
	batch, ok := readSealing(algorithm, keys, nonces, data, total, lengths, aadData, aadTotal, aadLengths, n)
	if !ok {
		return statusInvalid
	}
	for i := range int(n) {
		if len(batch.texts.item(i)) < aead.TagSize {
			return statusInvalid
		}
	}
	opened, verdict := view(out, int(total)-int(n)*aead.TagSize), view(verdicts, int(n))
	parallel.Range(int(n), batch.grain(), func(low, high int) {
		for i := low; i < high; i++ {
			cipher, err := batch.algorithm.New(batch.key(i))
			if err != nil {
				panic(err)
			}
			start := batch.texts.starts[i] - i*aead.TagSize
			end := batch.texts.starts[i+1] - (i+1)*aead.TagSize
			verdict[i] = 1
			if _, err := cipher.Open(opened[start:start:end], batch.nonce(i), batch.texts.item(i), batch.aads.item(i)); err != nil {
				clear(opened[start:end])
				verdict[i] = 0
			}
		}
	})
	return statusOK
}
