package statetree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unsafe"

	"xinglin/native/internal/hashing"
)

// goMemory is Go's heap; kept keeps the chunks from being collected.
type goMemory struct{ kept map[unsafe.Pointer][]uint64 }

func newMemory() goMemory { return goMemory{map[unsafe.Pointer][]uint64{}} }

func (m goMemory) Allocate(size int) unsafe.Pointer {
	chunk := make([]uint64, (size+7)/8)
	m.kept[unsafe.Pointer(&chunk[0])] = chunk
	return unsafe.Pointer(&chunk[0])
}

func (m goMemory) Free(chunk unsafe.Pointer) { delete(m.kept, chunk) }

func hashes(start, n int) []byte {
	out := make([]byte, 0, n*Size)
	for i := range n {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(start+i)))
		out = append(out, sum[:]...)
	}
	return out
}

// naive computes the root by the definition, from a map.
func naive(entries map[[Size]byte][Size]byte, depth int) [Size]byte {
	switch len(entries) {
	case 0:
		return [Size]byte{}
	case 1:
		for key, value := range entries {
			return sha256.Sum256(append(append([]byte{0}, key[:]...), value[:]...))
		}
	}
	halves := [2]map[[Size]byte][Size]byte{{}, {}}
	for key, value := range entries {
		halves[bit(key[:], depth)][key] = value
	}
	left, right := naive(halves[0], depth+1), naive(halves[1], depth+1)
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Keys of few distinct first bytes share long prefixes, so that deletions collapse far.
func randomKey(random *rand.Rand) [Size]byte {
	var key [Size]byte
	key[random.IntN(3)] = byte(random.IntN(4))
	key[31] = byte(random.IntN(4))
	return key
}

func TestRootsEqualTheDefinitionAndNothingLeaks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tree := New(hashing.SHA256, newMemory())
	entries := map[[Size]byte][Size]byte{}
	current := tree.Empty()
	for range 400 {
		batch := map[[Size]byte][Size]byte{}
		for range random.IntN(12) {
			var value [Size]byte
			value[0] = byte(random.IntN(3))
			batch[randomKey(random)] = value
		}
		var keys, values []byte
		for key, value := range batch {
			keys, values = append(keys, key[:]...), append(values, value[:]...)
			if value == [Size]byte{} {
				delete(entries, key)
			} else {
				entries[key] = value
			}
		}
		next, err := tree.Update(current, keys, values)
		must(t, err)
		must(t, tree.Drop(current))
		current = next
		var root [Size]byte
		count, err := tree.Root(current, &root)
		must(t, err)
		if root != naive(entries, 0) || count != len(entries) {
			t.Fatalf("root %x with %d keys, want %x with %d", root, count, naive(entries, 0), len(entries))
		}
		if tree.Stats().Leaves != len(entries) {
			t.Fatalf("%d leaves for %d keys", tree.Stats().Leaves, len(entries))
		}
	}
	must(t, tree.Drop(current))
	if stats := tree.Stats(); stats.Nodes != 0 || stats.Leaves != 0 {
		t.Fatalf("left behind: %+v", stats)
	}
}

func TestMemoryStaysFlatWhileVersionsComeAndGo(t *testing.T) {
	memory := newMemory()
	tree := New(hashing.SHA256, memory)
	current, err := tree.Update(tree.Empty(), hashes(0, 20000), hashes(1, 20000))
	must(t, err)
	reserved := 0
	for round := range 200 {
		next, err := tree.Update(current, hashes(round*100%20000, 100), hashes(round, 100))
		must(t, err)
		must(t, tree.Drop(current))
		current = next
		if round == 10 {
			reserved = tree.Stats().ReservedBytes
		}
	}
	if got := tree.Stats().ReservedBytes; got != reserved {
		t.Fatalf("%d bytes after 10 rounds, %d after 200", reserved, got)
	}
	tree.Close()
	if len(memory.kept) != 0 {
		t.Fatal("chunks were not given back")
	}
}

func TestRefusals(t *testing.T) {
	tree := New(hashing.SHA256, newMemory())
	base := tree.Empty()
	if _, err := tree.Update(base, bytes.Repeat(hashes(1, 1), 2), hashes(1, 2)); err != ErrDuplicate {
		t.Fatal(err)
	}
	if _, err := tree.Update(base+1, nil, nil); err != ErrVersion {
		t.Fatal(err)
	}
	must(t, tree.Drop(base))
	if err := tree.Drop(base); err != ErrVersion {
		t.Fatal(err)
	}
}

func BenchmarkUpdateOfAMillion(b *testing.B) {
	const keys, batch = 1_000_000, 1000
	tree := New(hashing.SM3, newMemory())
	current, err := tree.Update(tree.Empty(), hashes(0, keys), hashes(1, keys))
	must(b, err)
	random := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		start := random.IntN(keys - batch)
		next, err := tree.Update(current, hashes(start, batch), hashes(random.IntN(keys), batch))
		must(b, err)
		must(b, tree.Drop(current))
		current = next
	}
	stats := tree.Stats()
	b.ReportMetric(float64(stats.ReservedBytes)/keys, "bytes/key")
	b.ReportMetric(float64(stats.Nodes)/keys, "nodes/key")
	b.ReportMetric(batch*float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}
