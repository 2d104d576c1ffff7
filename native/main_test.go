package main

import (
	"os"
	"runtime"
	"testing"

	"xinglin/native/internal/parallel"
)

func TestThereAreProcessorsForMoreCallsThanCores(t *testing.T) {
	if os.Getenv("GOMAXPROCS") != "" {
		t.Skip("the environment says how many")
	}
	if there := runtime.GOMAXPROCS(0); there < calls || there < 2*parallel.Cores {
		t.Fatalf("%d processors for %d cores", there, parallel.Cores)
	}
	if parallel.Cores > runtime.NumCPU() {
		t.Fatalf("a batch has %d workers on %d cores", parallel.Cores, runtime.NumCPU())
	}
}
