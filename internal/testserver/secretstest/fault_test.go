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

	"keepcurrent.example/internal/testserver/secretstest"
)

func TestFaultsMeetTheClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault secretstest.Fault
		hangs bool // until the client gives up
		works bool // all the same
		sees  func(error) bool
	}{
		"throttle":     {fault: secretstest.Fail(400, "ThrottlingException"), sees: kind("ThrottlingException")},
		"server error": {fault: secretstest.Fail(500, "InternalServiceError"), sees: kind("InternalServiceError")},
		"hang":         {fault: secretstest.Hang, hangs: true, sees: is(context.Canceled)},
		"trickle":      {fault: secretstest.Trickle(time.Millisecond), hangs: true, sees: is(context.Canceled)},
		"reset":        {fault: secretstest.Reset, sees: is(syscall.ECONNRESET)},
		"lost answer":  {fault: secretstest.LoseAnswer, works: true, sees: is(syscall.ECONNRESET)},
		"cut":          {fault: secretstest.Cut, sees: is(io.ErrUnexpectedEOF)},
		"garble":       {fault: secretstest.Garble, sees: as[*smithy.DeserializationError]},
		"delay":        {fault: secretstest.Delay(time.Millisecond), works: true, sees: is(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			fault := test.fault
			if test.hangs {
				fault = then(giveUp, fault)
			}
			if worked, err := putUnder(ctx, t, fault); worked != test.works || !test.sees(err) {
				t.Errorf("the work was done: %t, want %t; error %v", worked, test.works, err)
			}
		})
	}
}

// then is a fault that first does something else.
func then(do func(), fault secretstest.Fault) secretstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, work http.Handler) {
		do()
		fault(w, r, work)
	}
}

// putUnder puts a second version under a fault, and tells whether there is one then.
func putUnder(ctx context.Context, t *testing.T, fault secretstest.Fault) (worked bool, err error) {
	s := newServer(t)
	check(t, s, func(x *trial) {
		x.create("one")
		s.Intercept(func(secretstest.Call) secretstest.Fault { return fault })
		under := *x
		under.ctx = ctx
		err = under.putAs(newToken(), "two")
		s.Intercept(nil)
		worked = len(x.versions(true)) == 2
	})
	return worked, err
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
		equal("calls", seen, []secretstest.Call{{Action: "CreateSecret", SecretID: x.name}, {Action: "DescribeSecret", SecretID: x.name}})
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
