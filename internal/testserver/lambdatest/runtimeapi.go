package lambdatest

import (
	"errors"
	"io"
	"net/http"
	"strconv"
)

// runtimeAPI serves the Runtime API to all processes, each below its own path.
func (f *Function) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	const base = "/{sandbox}/2018-06-01/runtime/"
	for pattern, serve := range map[string]func(*sandbox, http.ResponseWriter, *http.Request){
		"GET " + base + "invocation/next":           f.next,
		"POST " + base + "invocation/{id}/response": (*sandbox).response,
		"POST " + base + "invocation/{id}/error":    (*sandbox).failure,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			s := f.sandboxes[r.PathValue("sandbox")]
			f.mu.Unlock()
			if s == nil {
				http.Error(w, "no such process", http.StatusForbidden)
				return
			}
			serve(s, w, r)
		})
	}
	return mux
}

// next gives a process its next invocation, however long that takes to come.
func (f *Function) next(s *sandbox, w http.ResponseWriter, r *http.Request) {
	select {
	case s.asks <- struct{}{}:
	default: // it asked before
	}
	select {
	case i := <-s.work:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:"+f.config.Name)
		w.Write(i.payload)
	case <-r.Context().Done():
	}
}

// response takes the answer to an invocation.
func (s *sandbox) response(w http.ResponseWriter, r *http.Request) {
	s.conclude(w, r, func(body []byte) outcome { return outcome{payload: body} })
}

// failure takes the error that an invocation ended with.
func (s *sandbox) failure(w http.ResponseWriter, r *http.Request) {
	s.conclude(w, r, func(body []byte) outcome { return outcome{err: reported(body)} })
}

// conclude takes the outcome of the current invocation, the first only.
func (s *sandbox) conclude(w http.ResponseWriter, r *http.Request, how func([]byte) outcome) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		http.Error(w, "unreadable payload", http.StatusBadRequest)
		return
	}
	i := s.current.Load()
	if i == nil || i.id != r.PathValue("id") || !s.current.CompareAndSwap(i, nil) {
		http.Error(w, "not the invocation of this process", http.StatusBadRequest)
		return
	}
	if tooLarge != nil {
		s.outcomes <- outcome{err: responseTooLarge()}
		http.Error(w, "payload too large", http.StatusRequestEntityTooLarge)
		return
	}
	s.outcomes <- how(body)
	w.WriteHeader(http.StatusAccepted)
}
