package parallel

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestEveryItemIsDoneOnce(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 5, 1000} {
		done := make([]atomic.Int32, n)
		Range(n, 4, func(low, high int) {
			for i := low; i < high; i++ {
				done[i].Add(1)
			}
		})
		for i := range done {
			if done[i].Load() != 1 {
				t.Fatalf("item %d of %d was done %d times", i, n, done[i].Load())
			}
		}
	}
}

func TestABatchHasNoMoreWorkersThanCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8 * Cores))
	var working, most atomic.Int32
	Range(200, 1, func(_, _ int) {
		now := working.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		time.Sleep(100 * time.Microsecond)
		working.Add(-1)
	})
	if int(most.Load()) > Cores {
		t.Fatalf("%d workers at once on %d cores", most.Load(), Cores)
	}
}

func TestPanicOfAWorkerReachesTheCaller(t *testing.T) {
	defer func() {
		if recover() != "broken" {
			t.Fatal("the worker's panic was lost")
		}
	}()
	Range(1000, 1, func(low, _ int) {
		if low == 999 {
			panic("broken")
		}
	})
}
