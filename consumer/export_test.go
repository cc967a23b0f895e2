package consumer

// Waiting is how many callers share the search under way.
func (s *Source) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil {
		return 0
	}
	return s.flight.waiting
}
