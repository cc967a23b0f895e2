package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/secrets"
)

const awsCurrent = "AWSCURRENT"

// manager is Secrets Manager as the functions use it.
func (d *drill) manager() secrets.Manager { return secrets.Manager{Client: d.secrets} }

// nextURL returns a URL that no server has. Its password is of this drill, so that a search
// for it finds every log that shows one of them.
func (d *drill) nextURL() string {
	d.written++
	return d.lastURL()
}

func (d *drill) lastURL() string {
	return fmt.Sprintf("postgres://drill:%s%d@drill.invalid:5432/drill", d.password, d.written)
}

var errTwice = errors.New("AWSCURRENT is on several versions at once")

// current returns the version that is current, "" for none. It fails if there are two.
func (d *drill) current(ctx context.Context, secret string) (current string, err error) {
	out, err := d.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		return "", err
	}
	for version, labels := range out.VersionIdsToStages {
		switch {
		case !slices.Contains(labels, awsCurrent):
		case current != "":
			return "", errTwice
		default:
			current = version
		}
	}
	return current, nil
}

// holds reports whether a value is current. It reads each version once.
func (d *drill) holds(ctx context.Context, value string) (bool, error) {
	version, err := d.current(ctx, d.secret)
	if err != nil || version == "" {
		return false, err
	}
	if _, read := d.known[version]; !read {
		text, err := d.manager().Read(ctx, d.secret, version)
		if err != nil {
			return false, err
		}
		d.known[version] = text.Reveal()
	}
	return d.known[version] == value, nil
}

// versions returns the ids of all versions of a secret, sorted, those without a label too.
func (d *drill) versions(ctx context.Context, secret string) (all []string, err error) {
	pages := secretsmanager.NewListSecretVersionIdsPaginator(d.secrets, &secretsmanager.ListSecretVersionIdsInput{SecretId: &secret, IncludeDeprecated: new(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			all = append(all, *v.VersionId)
		}
	}
	slices.Sort(all)
	return all, nil
}

// settled returns which version is current, and all versions, as soon as two looks agree:
// one right after a write can show what was before it. Of a secret that does not come to
// rest it returns the last look.
func (x *trial) settled() (version string, all []string) {
	for range 5 {
		current, versions := must(x.current(x.ctx, x.secret)), must(x.versions(x.ctx, x.secret))
		if current == version && slices.Equal(versions, all) {
			break
		}
		version, all = current, versions
		ok(wait(x.ctx, x.pace.settle/5))
	}
	return version, all
}

// still runs something, and fails if it or the functions have written to the secret
// meanwhile.
func (x *trial) still(meanwhile func()) {
	version, before := x.settled()
	meanwhile()
	after := must(x.versions(x.ctx, x.secret))
	if must(x.current(x.ctx, x.secret)) != version {
		fail("AWSCURRENT has moved")
	}
	if !slices.Equal(before, after) {
		fail("%d versions were put", len(after)-len(before))
	}
}

// set gives the config var a new value, and returns it.
func (x *trial) set() (value string) {
	value = x.nextURL()
	ok(x.heroku.setVar(x.ctx, configVar, value))
	return value
}

// filled waits until a poll has given a secret its first value, and returns the version.
func (x *trial) filled(arn string) (version string) {
	must(until(x.ctx, "a poll fills the secret", x.pace.list+x.pace.patience(), x.pace.tick, func() (_ bool, err error) {
		version, err = x.current(x.ctx, arn)
		return version != "", err
	}))
	return version
}

// arrives waits until a value is current, and returns how long that took.
func (x *trial) arrives(value string, patience time.Duration) (time.Duration, error) {
	return until(x.ctx, "AWSCURRENT has the new value", patience, x.pace.tick, func() (bool, error) { return x.holds(x.ctx, value) })
}
