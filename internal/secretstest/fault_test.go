package secretstest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"keepcurrent.example/internal/secretstest"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	asIs := func(f secretstest.Fault) secretstest.Fault { return f }
	for name, test := range map[string]struct {
		fault secretstest.Fault
		hangs bool // until the client gives up
		want  func(error) bool
	}{
		"throttle":     {fault: secretstest.Fail(400, "ThrottlingException"), want: kind("ThrottlingException")},
		"server error": {fault: secretstest.Fail(500, "InternalServiceError"), want: kind("InternalServiceError")},
		"hang":         {fault: secretstest.Hang, hangs: true, want: is(context.Canceled)},
		"trickle":      {fault: secretstest.Trickle(time.Millisecond), hangs: true, want: is(context.Canceled)},
		"reset":        {fault: secretstest.Reset, want: is(syscall.ECONNRESET)},
		"cut":          {fault: secretstest.Cut, want: is(io.ErrUnexpectedEOF)},
		"garble":       {fault: secretstest.Garble, want: as[*smithy.DeserializationError]},
	} {
		for when, moment := range map[string]struct {
			of       func(secretstest.Fault) secretstest.Fault
			versions int
		}{"before": {asIs, 1}, "after": {secretstest.After, 2}} {
			t.Run(name+" "+when+" the work", func(t *testing.T) {
				t.Parallel()
				ctx, giveUp := context.WithCancel(t.Context())
				defer giveUp()
				fault := test.fault
				if test.hangs {
					fault = then(giveUp, fault)
				}
				if versions, err := putUnder(ctx, t, moment.of(fault)); versions != moment.versions || !test.want(err) {
					t.Errorf("%d versions, want %d; error %v", versions, moment.versions, err)
				}
			})
		}
	}
}

// then is a fault that first does something else.
func then(do func(), fault secretstest.Fault) secretstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, work http.Handler) {
		do()
		fault(w, r, work)
	}
}

// putUnder puts a second version under a fault, and tells how many there are then
// and what the put came to.
func putUnder(ctx context.Context, t *testing.T, fault secretstest.Fault) (versions int, err error) {
	s := newServer(t)
	check(t, s, func(x *trial) {
		x.create("one")
		s.Intercept(func(secretstest.Call) secretstest.Fault { return fault })
		under := *x
		under.ctx = ctx
		err = under.putAs(newToken(), "two")
		s.Intercept(nil)
		versions = len(x.versions(true))
	})
	return versions, err
}

func TestTrickleSendsBlanks(t *testing.T) {
	t.Parallel()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secretstest.Trickle(time.Millisecond)(w, r, nil)
	}))
	t.Cleanup(front.Close)
	resp, err := front.Client().Get(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	sent := make([]byte, 3)
	if _, err := io.ReadFull(resp.Body, sent); err != nil || string(sent) != "   " {
		t.Errorf("sent %q, error %v", sent, err)
	}
}

func TestDelayDoesTheWork(t *testing.T) {
	t.Parallel()
	for _, fault := range []secretstest.Fault{
		secretstest.Delay(time.Millisecond),
		secretstest.After(secretstest.Delay(time.Millisecond)),
	} {
		if versions, err := putUnder(t.Context(), t, fault); versions != 2 || err != nil {
			t.Errorf("%d versions, error %v", versions, err)
		}
	}
}

func TestInterceptSeesEachCall(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	check(t, s, func(x *trial) {
		var seen []secretstest.Call
		s.Intercept(func(c secretstest.Call) secretstest.Fault {
			seen = append(seen, c)
			return nil
		})
		x.create("one")
		x.describe()
		s.Intercept(nil)
		x.describe()
		equal("calls", seen, []secretstest.Call{{Action: "CreateSecret", SecretID: x.name, N: 1}, {Action: "DescribeSecret", SecretID: x.name, N: 2}})
	})
}

func TestCloseLetsGoOfHeldRequests(t *testing.T) {
	t.Parallel()
	s := secretstest.NewServer()
	client := newClient(t, s.URL)
	s.Intercept(func(secretstest.Call) secretstest.Fault {
		return then(func() { go s.Close() }, secretstest.Hang)
	})
	if out, err := client.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}); err == nil {
		t.Errorf("the call that was held succeeded: %v", out)
	}
	s.Close()
}

func kind(code string) func(error) bool {
	return func(err error) bool {
		var api smithy.APIError
		return errors.As(err, &api) && api.ErrorCode() == code
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}
