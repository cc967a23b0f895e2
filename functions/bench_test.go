package functions_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/herokutest"
	"keepcurrent.example/internal/lambdatest"
	"keepcurrent.example/internal/stacktest"
)

// What starts a run.
const (
	webhook = "webhook"
	poller  = "poller"
)

// What a run finds.
const (
	first    = "first value" // the secret is empty
	rotation = "rotation"    // Heroku shows a new URL, and the one in the secret is dead
	held     = "held"        // Heroku shows a URL that does not log in, and the one in the secret does
)

// What a secret holds after a run.
const (
	empty   = "empty"
	older   = "old" // what it held before the run
	newer   = "new" // what Heroku shows
	strange = "something else"
)

// maxVersions is fewer than the hundred that AWS keeps of a secret, and more than
// one run makes.
const maxVersions = 50

// bench is a shop on which one run after another is tried, each with the
// functions cold.
type bench struct {
	*shop
	*wire
	old, new string // what the secret held before the run, and ought to hold after it
	room     int    // versions that the secret may come to have, one for each URL that Heroku shows
}

func openBench(t *testing.T, config stacktest.Config) *bench {
	t.Helper()
	s := openShop(t, config)
	return &bench{shop: s, wire: s.lay()}
}

// prepare makes a situation out of a secret that is equal.
func (b *bench) prepare(situation string) {
	b.t.Helper()
	defer b.Poller.Kill()
	defer b.Webhook.Kill()
	if situation == first || b.versions() > maxVersions {
		b.startEmpty()
	}
	if situation != first && b.state() == empty {
		b.run(poller)
	}
	b.old, b.room = b.value(b.secret), b.versions()
	switch situation {
	case rotation:
		b.must(b.addon.Rotate(b.t.Context()))
	case held:
		u, err := url.Parse(b.db.URL())
		b.must(err)
		u.User = url.UserPassword(u.User.Username(), "wrong-EXAMPLE-"+rand.Text())
		b.app.Set("DATABASE_URL", u.String())
		b.shows(u.String())
		return
	}
	b.shows(b.db.URL())
}

// shows notes that Heroku shows a URL.
func (b *bench) shows(url string) {
	b.new = url + "?sslmode=require"
	b.room++
}

// startEmpty puts an empty secret in the place of the bound one.
func (b *bench) startEmpty() {
	b.t.Helper()
	_, err := b.AWS.DeleteSecret(b.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &b.secret, ForceDeleteWithoutRecovery: aws.Bool(true)})
	b.must(err)
	b.secret, err = b.Bind(b.t.Context(), b.app.Name, "shop/database", "heroku:format=url")
	b.must(err)
}

// state is what the secret holds now.
func (b *bench) state() string {
	b.t.Helper()
	switch b.value(b.secret) {
	case "":
		return empty
	case b.new:
		return newer
	case b.old:
		return older
	}
	return strange
}

// run starts a function by its trigger and says how that ended: the webhook with
// its status, the poller with the outcome of the one binding, or "failed" if the
// invocation did; a function that was killed is "killed", or 500 to the caller
// of the webhook.
func (b *bench) run(trigger string) string {
	b.t.Helper()
	if trigger == webhook {
		return strconv.Itoa(b.announce())
	}
	report, err := b.Poll(b.t.Context())
	var failure *lambdatest.FunctionError
	switch {
	case errors.As(err, &failure) && failure.Type == "Runtime.ExitError":
		return "killed"
	case errors.As(err, &failure):
		return "failed"
	}
	b.must(err)
	for outcome, n := range map[string]int{
		"published": report.Published, "unchanged": report.Unchanged, "held": report.Held, "deferred": report.Deferred, "off": report.Off,
	} {
		if n == 1 && report.Bindings == 1 {
			return outcome
		}
	}
	return fmt.Sprintf("%+v", report)
}

// stranger keeps no connection: when a server of httptest ends, it closes those
// of http.DefaultTransport, whoever needs them.
var stranger = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// announce tells the webhook of a release and returns the status of its answer.
func (b *bench) announce() int {
	b.t.Helper()
	body := b.app.ReleaseEvent("create")
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.URL, bytes.NewReader(body))
	b.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Heroku-Webhook-Hmac-SHA256", herokutest.Sign(stacktest.SigningKey, body))
	resp, err := stranger.Do(req)
	b.must(err)
	b.must(resp.Body.Close())
	return resp.StatusCode
}

// whole fails the test unless the secret has its labels and no others, and no
// more versions than Heroku has shown URLs: the id of a version is made of the
// fence and the payload, so a step that is taken again writes the same version.
func (b *bench) whole() {
	b.t.Helper()
	out, err := b.AWS.DescribeSecret(b.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &b.secret})
	b.must(err)
	var labels []string
	for _, stages := range out.VersionIdsToStages {
		labels = append(labels, stages...)
	}
	slices.Sort(labels)
	got := strings.Join(labels, " ")
	if got != "" && !slices.Contains([]string{"AWSCURRENT HEROKU_CANDIDATE", "AWSCURRENT AWSPREVIOUS HEROKU_CANDIDATE"}, got) {
		b.t.Errorf("the labels of the secret are %s", got)
	}
	if n := b.versions(); n > b.room {
		b.t.Errorf("the secret has %d versions, and %d would do", n, b.room)
	}
}

// versions counts the versions of the secret, those without a label as well.
func (b *bench) versions() int {
	b.t.Helper()
	out, err := b.AWS.ListSecretVersionIds(b.t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: &b.secret, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100)})
	b.must(err)
	return len(out.Versions)
}

// alone fails the test unless every session of the database comes to its end.
func (b *bench) alone() {
	b.t.Helper()
	for {
		sessions, err := b.db.Sessions(b.t.Context())
		b.must(err)
		if sessions == 0 {
			return
		}
		time.Sleep(time.Millisecond) // the server takes a moment to notice an end
	}
}
