package herokutest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"time"
)

// A Fault is a middleware for [Server.Wrap] that spoils the API.
type Fault = func(next http.Handler) http.Handler

// Status answers every request with that code and body.
func Status(code int, contentType, body string) Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	})
}

// Refuse answers every request with an error in Heroku's own form, such as 403
// "forbidden".
func Refuse(code int, id string) Fault {
	body, _ := json.Marshal(apiError{ID: id, Message: "Refused by a fault."}) // strings cannot fail
	return Status(code, "application/json", string(body))
}

// HTML503 answers as Heroku's router does when the API is down: with a page, not JSON.
func HTML503() Fault {
	return Status(http.StatusServiceUnavailable, "text/html", "<!DOCTYPE html><title>Application error</title>")
}

// Null answers 200 with the JSON value null.
func Null() Fault { return Status(http.StatusOK, "application/json", "null") }

// Drop resets the connection of every request.
func Drop() Fault {
	return instead(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// Hang reads every request and never answers. It ends when the client gives up, or when
// the server closes.
func Hang() Fault {
	return instead(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, maxBody) // else the server does not notice that the client went
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
}

// CutBody announces the length of the true answer, sends half of it and resets the
// connection.
func CutBody() Fault {
	return spoil(func(w http.ResponseWriter, _ *http.Request, body []byte) {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
}

// Trickle sends the true answer byte by byte, with a pause before each.
func Trickle(pause time.Duration) Fault {
	return spoil(func(w http.ResponseWriter, r *http.Request, body []byte) {
		for i := range body {
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
			_, _ = w.Write(body[i : i+1])
			_ = http.NewResponseController(w).Flush()
		}
	})
}

// Times applies a fault to the first n requests only.
func Times(n int, f Fault) Fault {
	var seen atomic.Int64
	return func(next http.Handler) http.Handler {
		faulty := f(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if seen.Add(1) <= int64(n) {
				faulty.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// On applies a fault to the requests of one route only, such as "GET
// /apps/{app}/config-vars".
func On(pattern string, f Fault) Fault {
	return func(next http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(pattern, f(next))
		mux.Handle("/", next)
		return mux
	}
}

func instead(answer http.HandlerFunc) Fault {
	return func(http.Handler) http.Handler { return answer }
}

// spoil has the true answer's head written, with its length, and leaves the
// body to send.
func spoil(send func(w http.ResponseWriter, r *http.Request, body []byte)) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			truth := httptest.NewRecorder()
			next.ServeHTTP(truth, r)
			for name, values := range truth.Header() {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Length", strconv.Itoa(truth.Body.Len()))
			w.WriteHeader(truth.Code)
			send(w, r, truth.Body.Bytes())
		})
	}
}
