package e2e_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/testserver/eventstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

func TestNodeRecipeCallsWhenItIsRefused(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t)
	checkCalls(t, dir, "node program.mjs", "WAY=secret")
}

func TestPythonRecipeCallsWhenItIsRefused(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	checkCalls(t, copied(t, recipes+"/pool.py", recipes+"/refused.py", "testdata/program.py"), interpreter+" program.py")
}

func checkCalls(t *testing.T, dir, command string, env ...string) {
	t.Helper()
	t.Run("and nothing else tells", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{})
		bus := s.bus(s.Webhook.Invoke)
		callsAlone(s.startProgram(dir, command, append(env, "AWS_ENDPOINT_URL_EVENTBRIDGE="+bus.URL)...), bus)
	})
	t.Run("in vain", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{})
		bus := s.bus(func(context.Context, []byte) ([]byte, error) { return nil, nil })
		callsInVain(s.startProgram(dir, command, append(env, "WAIT=60000", "THROWS=1", "AWS_ENDPOINT_URL_EVENTBRIDGE="+bus.URL)...))
	})
}

func (s *stack) bus(invoke eventstest.Invoke) *eventstest.Bus {
	s.t.Helper()
	bus := eventstest.Start(invoke)
	s.t.Cleanup(func() {
		if err := bus.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return bus
}

// current returns the id of the version that holds AWSCURRENT.
func (p *program) current() string {
	p.t.Helper()
	out, err := p.AWS.DescribeSecret(p.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &p.secret})
	p.must(err)
	for id, labels := range out.VersionIdsToStages {
		for _, label := range labels {
			if label == "AWSCURRENT" {
				return id
			}
		}
	}
	p.t.Fatal("no version holds AWSCURRENT")
	return ""
}

// callsAlone kills the credential. There is no webhook and no poll, so only the program's
// call publishes the new URL, and no query has to report a refused login.
func callsAlone(p *program, bus *eventstest.Bus) {
	p.t.Helper()
	want := struct{ Secret, Version string }{p.secret, p.current()}
	p.rotate()
	p.await("the secret is right", func() bool { return p.value(p.secret) == p.db.URL()+"?sslmode=require" })
	right := time.Now()
	p.await("the program works again", func() bool { return p.works(right, "") })
	if len(p.called()) == 0 {
		p.t.Error("the secret is right without a call")
	}
	p.end()
	for _, event := range bus.Events() {
		got := want
		if err := json.Unmarshal(event.Detail, &got); err != nil || got != want {
			p.t.Errorf("the event has %s, want %+v", event.Detail, want)
		}
	}
	p.noQueryIsRefused()
}

// callsInVain kills the credential, and nothing comes of the calls, which throw: they go on
// at growing intervals. A new version ends them, and its own refusal starts them over.
func callsInVain(p *program) {
	p.t.Helper()
	for range 2 {
		version, before, killed := p.current(), len(p.called()), time.Now()
		p.rotate()
		p.await("three calls were made", func() bool { return len(p.called()) >= before+3 })
		last, least := killed.UnixMilli(), int64(500)
		for i, c := range p.called()[before : before+3] {
			if c.Version != version || c.Called != p.secret || c.At-last < least {
				p.t.Errorf("call %d: %+v, %d ms after the one before, want %s and at least %d ms", i+1, c, c.At-last, version, least)
			}
			last, least = c.At, 1000<<i
		}
		right := p.publish()
		p.await("the program works again", func() bool { return p.works(right, "") })
	}
	p.end()
	p.noQueryIsRefused()
}

func (p *program) noQueryIsRefused() {
	p.t.Helper()
	for _, a := range p.failures() {
		if a.isRefusal() {
			p.t.Errorf("a refused login reached a worker: %s", a.Error)
		}
	}
}
