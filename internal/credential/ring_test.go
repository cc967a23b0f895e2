package credential_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepcurrent.example/internal/credential"
)

// source counts its reads; each gives another value.
type source struct {
	reads int
	err   error
}

func (s *source) read(context.Context) ([]credential.Value, error) {
	s.reads++
	return []credential.Value{credential.New(fmt.Sprint("EXAMPLE-", s.reads))}, s.err
}

func TestValuesAreReadOnce(t *testing.T) {
	t.Parallel()
	s := &source{}
	ring := &credential.Ring{Read: s.read, Rest: time.Minute}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if values, err := ring.Values(t.Context()); err != nil || values[0].Reveal() != "EXAMPLE-1" {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if s.reads != 1 {
		t.Errorf("%d reads", s.reads)
	}
}

func TestAFailedReadIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := &source{err: errors.New("away")}
	ring := &credential.Ring{Read: s.read, Rest: time.Minute}
	if _, err := ring.Values(t.Context()); !errors.Is(err, s.err) {
		t.Error(err)
	}
	s.err = nil
	if values, err := ring.Values(t.Context()); err != nil || len(values) != 1 {
		t.Error(err)
	}
}

func TestRenewReadsAtMostOnceInARest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		ring := &credential.Ring{Read: s.read, Rest: time.Minute}
		values, err := ring.Values(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 100 { // a flood right after the read
			if again, err := ring.Renew(t.Context(), values); err != nil || !again[0].Equal(values[0]) {
				t.Fatalf("%v", err)
			}
		}
		time.Sleep(time.Minute)
		for range 100 { // and one after the rest
			if values, err = ring.Renew(t.Context(), values); err != nil {
				t.Fatal(err)
			}
		}
		if s.reads != 2 || values[0].Reveal() != "EXAMPLE-2" {
			t.Errorf("%d reads", s.reads)
		}
	})
}

func TestRenewTakesWhatAnotherCallerHasRead(t *testing.T) {
	t.Parallel()
	s := &source{}
	ring := &credential.Ring{Read: s.read}
	stale, _ := ring.Values(t.Context())
	if _, err := ring.Renew(t.Context(), stale); err != nil {
		t.Fatal(err)
	}
	if values, err := ring.Renew(t.Context(), stale); err != nil || values[0].Reveal() != "EXAMPLE-2" || s.reads != 2 {
		t.Errorf("%d reads, %v", s.reads, err)
	}
}

func TestAFailedRenewalLeavesWhatIsKeptAndRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		ring := &credential.Ring{Read: s.read, Rest: time.Minute}
		stale, _ := ring.Values(t.Context())
		time.Sleep(time.Minute)
		s.err = errors.New("away")
		if _, err := ring.Renew(t.Context(), stale); !errors.Is(err, s.err) {
			t.Error(err)
		}
		for range 100 {
			if values, err := ring.Renew(t.Context(), stale); err != nil || !values[0].Equal(stale[0]) {
				t.Fatal("the kept value is gone: ", err)
			}
		}
		if s.reads != 2 {
			t.Errorf("%d reads", s.reads)
		}
	})
}

// A key that was changed twice, because it had leaked, counts no longer than its age.
func TestValuesAreReadAgainWhenTheyHaveTheirAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		ring := &credential.Ring{Read: s.read, Age: 5 * time.Minute}
		for minute := range 12 {
			values, err := ring.Values(t.Context())
			if want := fmt.Sprint("EXAMPLE-", 1+minute/5); err != nil || values[0].Reveal() != want {
				t.Errorf("minute %d: %v", minute, err)
			}
			time.Sleep(time.Minute)
		}
		s.err = errors.New("away")
		time.Sleep(5 * time.Minute)
		if _, err := ring.Values(t.Context()); !errors.Is(err, s.err) {
			t.Errorf("old values count although they could not be read again: %v", err)
		}
	})
}
