package credential_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepcurrent.example/internal/credential"
)

func TestOneIsInAtATime(t *testing.T) {
	t.Parallel()
	var lock credential.Mutex
	var wg sync.WaitGroup
	in, most := 0, 0
	for range 50 {
		wg.Go(func() {
			if err := lock.Lock(t.Context()); err != nil {
				t.Error(err)
				return
			}
			defer lock.Unlock()
			in++ // the race detector looks on
			most = max(most, in)
			in--
		})
	}
	wg.Wait()
	if most != 1 {
		t.Errorf("%d were in at a time", most)
	}
}

func TestACallerWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lock credential.Mutex
		if err := lock.Lock(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := lock.Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		lock.Unlock()
		if err := lock.Lock(t.Context()); err != nil {
			t.Errorf("who gave up still holds it: %v", err)
		}
	})
}
