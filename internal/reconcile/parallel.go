package reconcile

import (
	"iter"
	"sync"
)

// Parallel calls f with every item, at most limit at a time, and returns when all calls have
// ended. It asks for the next item when a call may begin and not before, so that an
// item can still be skipped because of how the earlier calls went. Nothing recovers a
// panic of f.
func Parallel[T any](limit int, items iter.Seq[T], f func(T)) {
	var calls sync.WaitGroup
	free := make(chan struct{}, limit)
	free <- struct{}{}
	for item := range items {
		calls.Go(func() {
			defer func() { <-free }()
			f(item)
		})
		free <- struct{}{}
	}
	calls.Wait()
}

// BySource groups bindings, or results, by their source.
func BySource[T interface{ source() Source }](all []T) map[Source][]T {
	groups := make(map[Source][]T)
	for _, one := range all {
		groups[one.source()] = append(groups[one.source()], one)
	}
	return groups
}
