package history

import (
	"math/rand/v2"
	"sync"
	"time"
)

// A fate is what happens to a call.
type fate int

const (
	answered    fate = iota
	requestLost      // never carried out
	answerLost       // carried out; the client does not hear of it
	requestLate      // carried out when the client has already given up
)

// A weather delays and loses calls at random. The seed determines the random numbers, but
// the scheduler decides which call gets which. A nil weather is calm.
type weather struct {
	mu   sync.Mutex
	dice *rand.Rand
}

func storm(seed uint64) *weather { return &weather{dice: rand.New(rand.NewPCG(seed, 0))} }

// roll returns a number below n, 0 in calm weather.
func (w *weather) roll(n int) int {
	if w == nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dice.IntN(n)
}

// delay takes up to two milliseconds, and one time in eight ten times as long.
func (w *weather) delay() {
	d := time.Duration(w.roll(2000)) * time.Microsecond
	if w.roll(8) == 1 {
		d *= 10
	}
	if d > 0 {
		time.Sleep(d)
	}
}

// fate loses one call in 20.
func (w *weather) fate() fate {
	if w.roll(20) != 1 {
		return answered
	}
	return fate(1 + w.roll(3))
}
