package gm

import (
	"bytes"
	"testing"
)

func newPair(t testing.TB) (*Private, *Public) {
	t.Helper()
	raw, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	private, err := ParsePrivate(raw)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParsePublic(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

func TestSignedMessagesVerifyAndChangedOnesDoNot(t *testing.T) {
	private, public := newPair(t)
	for _, message := range [][]byte{nil, []byte("m"), bytes.Repeat([]byte("x"), 1000)} {
		signature := make([]byte, SignatureSize)
		if err := private.Sign(message, signature); err != nil {
			t.Fatal(err)
		}
		if !public.Verify(message, signature) {
			t.Fatal("own signature refused")
		}
		for i := range signature {
			signature[i] ^= 1
			if public.Verify(message, signature) {
				t.Fatalf("signature with byte %d changed accepted", i)
			}
			signature[i] ^= 1
		}
	}
}

// Integers with leading zero bytes and with the top bit set take other DER lengths.
func TestDERRoundTrip(t *testing.T) {
	for _, fill := range []byte{0x01, 0x7f, 0x80, 0xff} {
		for zeros := range 32 {
			signature := bytes.Repeat([]byte{fill}, SignatureSize)
			clear(signature[:zeros])
			clear(signature[32 : 32+zeros])
			back := make([]byte, SignatureSize)
			if err := fromDER(toDER(signature, nil), back); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(back, signature) {
				t.Fatalf("%x came back as %x", signature, back)
			}
		}
	}
}

func TestCacheForgetsTheOldest(t *testing.T) {
	cache := NewCache(2, ParsePublic)
	for range 20 {
		private, _ := newPair(t)
		if _, err := cache.Get(private.Public()); err != nil {
			t.Fatal(err)
		}
	}
	if held := len(cache.young) + len(cache.old); held > 4 {
		t.Fatalf("%d keys held", held)
	}
}

func BenchmarkVerifyParsed(b *testing.B) {
	private, public := newPair(b)
	message, signature := make([]byte, 32), make([]byte, SignatureSize)
	private.Sign(message, signature)
	for b.Loop() {
		public.Verify(message, signature)
	}
}

func BenchmarkVerifyWithParsing(b *testing.B) {
	private, _ := newPair(b)
	raw := private.Public()
	message, signature := make([]byte, 32), make([]byte, SignatureSize)
	private.Sign(message, signature)
	for b.Loop() {
		public, _ := ParsePublic(raw)
		public.Verify(message, signature)
	}
}

func BenchmarkSignParsed(b *testing.B) {
	private, _ := newPair(b)
	message, signature := make([]byte, 32), make([]byte, SignatureSize)
	for b.Loop() {
		private.Sign(message, signature)
	}
}

func BenchmarkSignWithParsing(b *testing.B) {
	raw, _ := Generate()
	message, signature := make([]byte, 32), make([]byte, SignatureSize)
	for b.Loop() {
		private, _ := ParsePrivate(raw)
		private.Sign(message, signature)
	}
}
