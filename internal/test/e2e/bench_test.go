package e2e_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// The triggers of a run.
const (
	webhook = "webhook"
	poller  = "poller"
)

// The situations that a run starts in.
const (
	first    = "first value" // the secret is empty
	rotation = "rotation"    // Heroku shows a new URL, and the one in the secret is dead
	held     = "held"        // Heroku shows a URL that does not log in, and the one in the secret does
	foreign  = "foreign"     // another writer has put the URL that Heroku shows
	inObject = "one key"     // a rotation, with the URL beside keys of others
)

// The states of a secret after a run.
const (
	empty   = "empty"
	older   = "old" // what it held before the run
	newer   = "new" // what Heroku shows
	strange = "something else"
)

// maxVersions is less than the hundred versions that AWS keeps, and more than one run
// makes.
const maxVersions = 50

// bench is a shop for a series of runs, each with cold functions.
type bench struct {
	*shop
	*wire
	old, new        string // the secret's value before the run, and the expected value after it
	allowedVersions int    // of the secret: one for each URL that Heroku shows
}

// opening bounds how many benches are opened at a time: the database server has no
// connections for all of the matrix's at once.
var opening = make(chan struct{}, 4)

func openBench(t *testing.T, config stacktest.Config) *bench {
	t.Helper()
	opening <- struct{}{}
	defer func() { <-opening }()
	s := openShop(t, config)
	return &bench{shop: s, wire: s.intercept()}
}

// setUp brings an equal secret into a situation.
func (b *bench) setUp(situation string) {
	b.t.Helper()
	defer b.Poller.Kill()
	defer b.Webhook.Kill()
	if others := othersIn(situation); situation == first || b.versions() > maxVersions || others[0] != b.around[0] {
		b.startWithout(others)
	}
	if situation != first && b.value(b.secret) == b.around[0]+b.around[1] {
		b.run(poller)
	}
	b.old, b.allowedVersions = b.value(b.secret), b.versions()
	switch situation {
	case rotation, inObject:
		b.rotate()
	case foreign:
		b.put(b.secret, b.old)
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

// shows records that Heroku shows another URL.
func (b *bench) shows(url string) {
	b.new = b.payload(url)
	b.allowedVersions++
}

// startWithout replaces the bound secret by one without a URL.
func (b *bench) startWithout(others [2]string) {
	b.t.Helper()
	b.remove(b.secret)
	b.around = others
	if others == [2]string{} {
		b.secret = b.bind(b.app.Name, "shop/database", "heroku:format=url")
		return
	}
	b.secret = b.bind(b.app.Name, "shop/database", "heroku:format=key")
	b.put(b.secret, others[0]+others[1])
}

// othersIn is what a secret holds before the URL and behind it in a situation.
func othersIn(situation string) [2]string {
	if situation == inObject {
		return [2]string{"{\"STRIPE_KEY\":\"EXAMPLE\",\n\"DATABASE_URL\" : \"", edited(0)}
	}
	return [2]string{}
}

// edited is what stands behind the URL after an edit of another writer.
func edited(n int) string { return fmt.Sprintf("\", \"edits\":%d, \"price\":1.50}\n", n) }

// edit changes a key of another writer, as a person does.
func (b *bench) edit() {
	b.t.Helper()
	there := strings.TrimSuffix(b.value(b.secret), b.around[1])
	b.around[1] = edited(b.versions())
	b.put(b.secret, there+b.around[1])
	b.shows(b.db.URL()) // it may have to be written again, beside the edit
	b.allowedVersions++ // the edit
}

// state returns the state of the secret.
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

// run starts a function by its trigger and returns the result: for the webhook its
// status, for the poller the outcome of the one binding, or "failed" if the invocation
// failed. For a killed function it returns "killed", or 500 for the webhook.
func (b *bench) run(trigger string) string {
	b.t.Helper()
	if trigger == webhook {
		return strconv.Itoa(b.announce(b.app))
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

// whole fails the test unless the secret has its labels and no others, and no more
// versions than Heroku has shown URLs. The id of a version depends on the fence and the
// payload, so a repeated step writes the same version.
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
	if n := b.versions(); n > b.allowedVersions {
		b.t.Errorf("the secret has %d versions, want at most %d", n, b.allowedVersions)
	}
}

// versions counts the versions of the secret, those without a label as well.
func (b *bench) versions() int {
	b.t.Helper()
	out, err := b.AWS.ListSecretVersionIds(b.t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: &b.secret, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100)})
	b.must(err)
	return len(out.Versions)
}
