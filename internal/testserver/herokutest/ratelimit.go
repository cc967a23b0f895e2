package herokutest

// getRateLimits answers how many requests the account has left:
// https://devcenter.heroku.com/articles/platform-api-reference#rate-limit
func (s *Server) getRateLimits(*call) (any, error) {
	return map[string]int{"remaining": s.requests}, nil
}
