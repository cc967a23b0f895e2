package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
)

const (
	ours     = 3 // writers of URLs
	counters = 2 // writers of another key
)

// shared makes a secret with two URLs of ours, and returns its bindings.
func (h *fixture) shared(t *testing.T) []reconcile.Binding {
	t.Helper()
	b := h.bind(t, "orders",
		types.Tag{Key: aws.String(reconcile.FormatTag), Value: aws.String("key")},
		types.Tag{Key: aws.String(reconcile.ConfigVarTag), Value: aws.String("DATABASE_URL FOLLOWER_URL")})
	secret, err := secrets.Manager{Client: h.client(0)}.Describe(t.Context(), b.ARN)
	if err != nil {
		t.Fatal(err)
	}
	bindings, err := reconcile.ParseBindings(secret)
	if err != nil {
		t.Fatal(err)
	}
	return bindings
}

// countOn is a careful writer: it reads the version with AWSCURRENT, puts it with a count that
// is one more under a label of its own, and swaps from what it read. It reports whether that
// went well.
func (h *fixture) countOn(ctx context.Context, n int, arn string) (counted bool, err error) {
	m := secrets.Manager{Client: h.client(n)}
	s, err := m.Describe(ctx, arn)
	if err != nil {
		return false, err
	}
	value := "{}"
	if s.Current != "" {
		there, err := m.Read(ctx, arn, s.Current)
		if err != nil {
			return false, err
		}
		value = there.Reveal()
	}
	version := fmt.Sprintf("the-version-%d-of-another-writer-%d", h.serial.Add(1), n)
	out, err := m.Client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &arn, ClientRequestToken: &version, SecretString: aws.String(oneMore(value)),
		VersionStages: []string{fmt.Sprint("COUNTER_", n)},
	})
	if err != nil || len(out.VersionStages) > 1 {
		return err == nil, err
	}
	err = m.Swap(ctx, arn, version, s.Current)
	return err == nil, err
}

// oneMore returns an object whose count is one more.
func oneMore(object string) string {
	before := fmt.Sprintf(`"count":%d`, numberIn(object, counter))
	after := fmt.Sprintf(`"count":%d`, numberIn(object, counter)+1)
	switch {
	case strings.Contains(object, before):
		return strings.Replace(object, before, after, 1)
	case object == "{}":
		return "{" + after + "}"
	}
	return "{" + after + "," + strings.TrimPrefix(object, "{")
}

// Two careful writers and three of ours work on one secret, through 20 rotations.
func TestEveryIncrementAndEveryRotationIsThere(t *testing.T) {
	t.Parallel()
	h := newFixture(t, nil)
	bindings := h.shared(t)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var wg sync.WaitGroup
	var counted atomic.Int64
	for n := range counters {
		wg.Go(func() {
			for ctx.Err() == nil {
				switch done, err := h.countOn(ctx, ours+n, bindings[0].ARN); {
				case done:
					counted.Add(1)
				case ctx.Err() == nil && !errors.Is(err, reconcile.ErrConflict):
					t.Error(err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	for n := range ours {
		k := h.reconciler(n, h.heroku)
		wg.Go(func() {
			for ctx.Err() == nil {
				k.Update(ctx, bindings)
			}
		})
	}
	there := func() register {
		value, err := secrets.Manager{Client: h.client(ours + counters)}.Value(t.Context(), bindings[0].ARN)
		if err != nil {
			return register{}
		}
		return registerOf(value.Reveal())
	}
	for rotation := 1; rotation <= 20; rotation++ {
		for now := there(); now.Epoch != rotation || now.Follower != rotation; now = there() {
			if ctx.Err() != nil {
				t.Fatalf("rotation %d is not there: %+v", rotation, now)
			}
			time.Sleep(time.Millisecond)
		}
		h.heroku.rotate()
	}
	stop()
	wg.Wait()
	h.late.Wait()
	if got := there().Count; int64(got) < counted.Load() || int64(got) > counted.Load()+counters { // the last one's answer may have come too late
		t.Errorf("%d of %d increments are there", got, counted.Load())
	}
	if verdict := judge(h.history(t)); verdict != porcupine.Ok {
		t.Error(verdict)
	}
	t.Logf("%d increments: %+v", counted.Load(), h.counted())
}

func TestIncrementsAndRotationsInAStormAreLinearizable(t *testing.T) {
	t.Parallel()
	h := newFixture(t, storm(1))
	bindings := h.shared(t)
	h.weatherTheStorm(t, tally{calls: 300, swapped: 20, refused: 10, lost: 5}, bindings[:1], h.countingBeside(bindings, func(right reconcile.Secrets) reconcile.Secrets {
		return right
	}))
	if verdict := judge(h.history(t)); verdict != porcupine.Ok {
		t.Error(verdict)
	}
	t.Logf("%+v", h.counted())
}

// Another writer counts while one of ours is between its first call and its last.
func TestOnlyAReadBehindTheFenceKeepsTheOthers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reads   func(reconcile.Secrets, func()) reconcile.Secrets
		verdict porcupine.CheckResult
		count   int // of two
	}{
		"fence, read, swap": {func(s reconcile.Secrets, f func()) reconcile.Secrets { return &interrupted{Secrets: s, f: f} }, porcupine.Ok, 2},
		"read, fence, swap": {func(s reconcile.Secrets, f func()) reconcile.Secrets { return &hasty{Secrets: s, f: f} }, porcupine.Illegal, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, nil)
			bindings := h.shared(t)[:1]
			count := func() {
				if done, err := h.countOn(t.Context(), 1, bindings[0].ARN); !done {
					t.Error(err)
				}
			}
			count()
			k := h.reconciler(0, h.heroku)
			k.Secrets = test.reads(k.Secrets, sync.OnceFunc(count))
			mustPublish(t, k.Update(t.Context(), bindings)[0])
			value, err := secrets.Manager{Client: h.client(2)}.Value(t.Context(), bindings[0].ARN)
			if err != nil {
				t.Fatal(err)
			}
			if got := registerOf(value.Reveal()); got.Count != test.count || got.Epoch != 1 {
				t.Errorf("%+v", got)
			}
			if verdict := judge(h.history(t)); verdict != test.verdict {
				t.Errorf("%s, want %s", verdict, test.verdict)
			}
		})
	}
}

// A storm finds it without being told when to count.
func TestAStormFindsAReadBeforeTheFence(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		h := newFixture(t, storm(seed))
		bindings := h.shared(t)
		h.weatherTheStorm(t, tally{calls: 200, swapped: 10}, bindings[:1], h.countingBeside(bindings, func(s reconcile.Secrets) reconcile.Secrets {
			return &hasty{Secrets: s, f: func() {}}
		}))
		// Others that were read before the fence can make two payloads of one step, which AWS
		// refuses: that is a finding, too.
		if h.hasDouble() || judge(h.history(t)) == porcupine.Illegal {
			t.Logf("found with seed %d", seed)
			return
		}
	}
	t.Error("20 storms did not find it")
}

// hasDouble reports whether AWS has refused a version id with another payload.
func (h *fixture) hasDouble() bool {
	h.late.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.odd, func(answer string) bool { return strings.Contains(answer, "ResourceExistsException") })
}

// countingBeside makes two writers count, and all others update the bindings.
func (h *fixture) countingBeside(bindings []reconcile.Binding, change func(reconcile.Secrets) reconcile.Secrets) func(n int) func(context.Context) {
	return func(n int) func(context.Context) {
		if n < counters {
			return func(ctx context.Context) { _, _ = h.countOn(ctx, n, bindings[0].ARN) }
		}
		k := h.reconciler(n, h.heroku)
		k.Secrets = change(k.Secrets)
		return func(ctx context.Context) { k.Update(ctx, bindings) }
	}
}

// interrupted has something happen behind the fence.
type interrupted struct {
	reconcile.Secrets
	f func()
}

func (i *interrupted) Describe(ctx context.Context, arn string) (reconcile.Secret, error) {
	secret, err := i.Secrets.Describe(ctx, arn)
	i.f()
	return secret, err
}

// hasty reads the value, and something happens, before it reads the fence.
type hasty struct {
	reconcile.Secrets
	f     func()
	mu    sync.Mutex // guards value
	value credential.Value
}

func (h *hasty) Describe(ctx context.Context, arn string) (reconcile.Secret, error) {
	secret, err := h.Secrets.Describe(ctx, arn)
	if err != nil {
		return secret, err
	}
	value, err := h.Secrets.Read(ctx, arn, secret.Current)
	if err != nil {
		return secret, err
	}
	h.mu.Lock()
	h.value = value
	h.mu.Unlock()
	h.f()
	return h.Secrets.Describe(ctx, arn)
}

func (h *hasty) Read(context.Context, string, string) (credential.Value, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.value, nil
}
