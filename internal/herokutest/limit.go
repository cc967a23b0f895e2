package herokutest

import "time"

const rateLimits = "GET /account/rate-limits"

// A bucket holds the calls that an account may still make.
type bucket struct {
	size, left, perMinute float64
	at                    time.Time // when left was right
}

func newBucket(size, perMinute int) bucket {
	return bucket{size: float64(size), left: float64(size), perMinute: float64(perMinute), at: time.Now()}
}

func (b *bucket) refill(now time.Time) {
	b.left = min(b.size, b.left+now.Sub(b.at).Minutes()*b.perMinute)
	b.at = now
}

// take uses up one call, and tells whether there was one.
func (b *bucket) take(now time.Time) bool {
	b.refill(now)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (b *bucket) remaining(now time.Time) int {
	b.refill(now)
	return int(b.left)
}

// SetRateLimit gives the account that many calls, all of them unused, and that
// many more each minute up to the same number. Heroku's numbers, 4500 and 75,
// are the default. The limit is the account's: a new token does not help.
func (s *Server) SetRateLimit(calls, perMinute int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = newBucket(calls, perMinute)
}

func (s *Server) getRateLimits(*call) (any, error) {
	return map[string]int{"remaining": s.limit.remaining(time.Now())}, nil
}
