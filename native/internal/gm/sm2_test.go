package gm

import (
	"bytes"
	"math/big"
	"runtime"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
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

// The standard excludes the private key n-1; under its public key a signature would verify with any s.
func TestTheKeyOfTheExcludedPrivateKeyIsRefused(t *testing.T) {
	curve := sm2.P256().Params()
	one := big.NewInt(1).FillBytes(make([]byte, PrivateKeySize))
	generator, err := ParsePrivate(one)
	if err != nil {
		t.Fatal(err)
	}
	raw := generator.Public()
	if _, err := ParsePublic(raw); err != nil {
		t.Fatal("the generator refused")
	}
	new(big.Int).Sub(curve.P, curve.Gy).FillBytes(raw[33:])
	if !curve.IsOnCurve(curve.Gx, new(big.Int).SetBytes(raw[33:])) {
		t.Fatal("not on the curve")
	}
	if _, err := ParsePublic(raw); err == nil {
		t.Fatal("-G accepted")
	}
	excluded := new(big.Int).Sub(curve.N, big.NewInt(1)).FillBytes(make([]byte, PrivateKeySize))
	if _, err := ParsePrivate(excluded); err == nil {
		t.Fatal("n-1 accepted")
	}
}

// From the 64th use on a table accepts; it must change no verdict.
func TestFrequentKeysAreJudgedAsBefore(t *testing.T) {
	private, public := newPair(t)
	_, other := newPair(t)
	for i := range 3 * frequentUses {
		message, signature := []byte{byte(i)}, make([]byte, SignatureSize)
		if err := private.Sign(message, signature); err != nil {
			t.Fatal(err)
		}
		good := public.Verify(message, signature)
		signature[i%SignatureSize] ^= 1 << (i % 8)
		bad := public.Verify(message, signature)
		if !good || bad || other.Verify(message, signature) {
			t.Fatalf("use %d: good %v, changed %v", i, good, bad)
		}
	}
	if public.table.Load() == nil {
		t.Fatal("no table was made")
	}
}

func TestTablesAreLimitedAndCountedBack(t *testing.T) {
	before := tables.Load()
	tables.Store(maxTables)
	private, public := newPair(t)
	signature := make([]byte, SignatureSize)
	private.Sign(nil, signature)
	for range 2 * frequentUses {
		if !public.Verify(nil, signature) {
			t.Fatal("refused")
		}
	}
	if public.table.Load() != nil || tables.Load() != maxTables {
		t.Fatal("a table beyond the limit")
	}
	tables.Store(before)
	for range frequentUses {
		public.Verify(nil, signature)
	}
	if public.table.Load() == nil || tables.Load() != before+1 {
		t.Fatal("no table though there is room")
	}
	public = nil
	for range 100 {
		runtime.GC()
		if tables.Load() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the table of a forgotten key still counts")
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
