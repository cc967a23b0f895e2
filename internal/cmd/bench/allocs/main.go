// Allocs polls in its own process, built from the same parts as the function, and prints
// how many objects and bytes a second poll of the same bindings allocates.
package main

import (
	"context"
	"fmt"
	"log"
	"runtime"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/setup"
)

func main() {
	parts, err := setup.FromEnvironment()
	if err != nil {
		log.Fatal(err)
	}
	bindings, _, _ := poll(parts.Reconciler) // opens the connections and reads the keys
	_, objects, bytes := poll(parts.Reconciler)
	fmt.Println(bindings, objects, bytes)
}

func poll(k *reconcile.Reconciler) (bindings int, objects, bytes uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	results, err := k.Poll(context.Background(), reconcile.Round{})
	runtime.ReadMemStats(&after)
	if err != nil {
		panic(err)
	}
	for _, r := range results {
		if r.Outcome != reconcile.Unchanged {
			panic("a binding is " + string(r.Outcome))
		}
	}
	return len(results), after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
}
