// Package parallel spreads a batch over all cores. It never lets a worker's
// panic end the process: the panic is raised again in the caller, where the
// exported function that started the batch recovers it.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Cores is how many goroutines work on a batch: the runtime's processors at its start. It gets more of them for calls
// that come at the same time.
var Cores = runtime.GOMAXPROCS(0)

// Range calls work on consecutive slices [low, high) of [0, n), each of at most
// grain items, from as many goroutines as there are cores. work must be safe to
// run concurrently on disjoint ranges. It returns when all ranges are done.
func Range(n, grain int, work func(low, high int)) {
	workers := min(Cores, (n+grain-1)/grain)
	if workers <= 1 {
		if n > 0 {
			work(0, n)
		}
		return
	}
	var (
		next     atomic.Int64
		failure  atomic.Value
		finished sync.WaitGroup
	)
	run := func() {
		defer func() {
			if reason := recover(); reason != nil {
				failure.CompareAndSwap(nil, panicked{reason})
			}
		}()
		for {
			high := int(next.Add(int64(grain)))
			low := high - grain
			if low >= n {
				return
			}
			work(low, min(high, n))
		}
	}
	for range workers - 1 {
		finished.Go(run)
	}
	run()
	finished.Wait()
	if reason := failure.Load(); reason != nil {
		panic(reason.(panicked).reason)
	}
}

// panicked gives every stored panic the same dynamic type, as atomic.Value demands.
type panicked struct{ reason any }
