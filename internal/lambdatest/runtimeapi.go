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
		"POST " + base + "invocation/{id}/response": f.response,
		"POST " + base + "invocation/{id}/error":    f.failure,
		"POST " + base + "init/error":               f.initFailure,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			s := f.sandboxes[r.PathValue("sandbox")]
			f.mu.Unlock()
			if s == nil {
				refuse(w, http.StatusForbidden, "no such process")
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
		h.Set("Lambda-Runtime-Trace-Id", i.trace)
		w.Write(i.payload)
	case <-r.Context().Done():
	}
}

// response takes the answer to an invocation.
func (f *Function) response(s *sandbox, w http.ResponseWriter, r *http.Request) {
	f.conclude(s, w, r, func(body []byte) outcome { return outcome{payload: body} })
}

// failure takes the error that an invocation ended with.
func (f *Function) failure(s *sandbox, w http.ResponseWriter, r *http.Request) {
	f.conclude(s, w, r, func(body []byte) outcome { return outcome{err: reported(body)} })
}

func (f *Function) conclude(s *sandbox, w http.ResponseWriter, r *http.Request, how func([]byte) outcome) {
	if i := s.current.Load(); i == nil || i.id != r.PathValue("id") {
		refuse(w, http.StatusBadRequest, "not the invocation of this process")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.report(outcome{err: responseTooLarge()})
		refuse(w, http.StatusRequestEntityTooLarge, "payload too large")
	case err != nil:
		refuse(w, http.StatusBadRequest, "unreadable payload")
	case !s.report(how(body)):
		refuse(w, http.StatusBadRequest, "the invocation has an outcome already")
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// initFailure takes the error that a process could not initialize itself with.
// The process exits next, and the error is then that of the invocation.
func (f *Function) initFailure(s *sandbox, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	if err != nil || !s.report(outcome{err: reported(body)}) {
		refuse(w, http.StatusBadRequest, "unreadable or repeated error")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// report keeps the outcome for whoever waits for the process, the first only.
func (s *sandbox) report(o outcome) bool {
	select {
	case s.outcomes <- o:
		return true
	default:
		return false
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(platformError("InvalidRequest", why).Raw)
}
