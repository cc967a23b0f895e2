package secretstest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"time"
)

// A Call is a request before it is carried out.
type Call struct {
	Action   string // such as "PutSecretValue"
	SecretID string // the SecretId or, when one is created, the Name as the client wrote it; may be empty
}

func newCall(action string, body []byte) Call {
	var in struct{ SecretId, Name string }
	_ = json.Unmarshal(body, &in) // a body that is no JSON is refused by the action itself
	return Call{Action: action, SecretID: in.SecretId + in.Name}
}

// A Fault answers a request in place of the server. It may call work, which carries the
// request out and writes the true answer to the writer.
type Fault func(w http.ResponseWriter, r *http.Request, work http.Handler)

// Intercept sets a function that is called before each call is carried out and returns
// its fault, or nil for none. A nil function ends this. The function runs for one call
// at a time, so it may count without a lock.
func (s *Server) Intercept(choose func(Call) Fault) {
	s.hook.Lock()
	defer s.hook.Unlock()
	s.intercept = choose
}

func (s *Server) fault(c Call) Fault {
	s.hook.Lock()
	defer s.hook.Unlock()
	if s.intercept == nil {
		return nil
	}
	return s.intercept(c)
}

// Fail answers with an error of AWS, such as 400 and "ThrottlingException" or 500 and
// "InternalServiceError". The work is not done.
func Fail(status int, kind string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		writeError(w, &refusal{status, kind, "A fault that the test asked for."})
	}
}

// Delay does the work after d, unless the client gives up first.
func Delay(d time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, work http.Handler) {
		wait(r, d)
		work.ServeHTTP(w, r)
	}
}

// Hang does not answer until the client gives up or the server closes. The work is not done.
func Hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// Reset breaks the connection off, so that the client sees a reset by its peer.
// The work is not done.
func Reset(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST in the place of FIN
	}
	_ = conn.Close()
}

// Cut begins an answer and breaks the connection off in the middle of it. The work is
// not done.
func Cut(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Length", "4096")
	send(w, `{"ARN":"arn:aws:secrets`)
	panic(http.ErrAbortHandler)
}

// Garble answers 200 with a body that is no JSON, as a proxy might. The work is not done.
func Garble(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	send(w, "<html>This is not Secrets Manager.</html>")
}

// Trickle answers 200 with blanks, one each time that d has passed, until the
// client gives up or the server closes. The work is not done.
func Trickle(d time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		for {
			wait(r, d)
			send(w, " ")
		}
	}
}

// LoseAnswer does the work and breaks the connection off as [Reset] does, so that
// the client does not learn that it has written.
func LoseAnswer(w http.ResponseWriter, r *http.Request, work http.Handler) {
	work.ServeHTTP(httptest.NewRecorder(), r)
	Reset(w, r, work)
}

// wait waits for d. If the client gives up or the server closes before that, it
// breaks the connection off: an empty answer would look like success.
func wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// send writes a part of an answer to the client at once. The client may be gone.
func send(w http.ResponseWriter, part string) {
	w.Header().Set("Content-Type", contentType)
	_, _ = fmt.Fprint(w, part)
	_ = http.NewResponseController(w).Flush()
}
