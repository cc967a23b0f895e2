package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const (
	awsCurrent = "AWSCURRENT"
	candidate  = "HEROKU_CANDIDATE"
)

// nextURL returns a URL that no server has. Its password is of this drill, so that a search
// for it finds every log that shows one of them.
func (d *drill) nextURL() string {
	d.written++
	return d.lastURL()
}

func (d *drill) lastURL() string {
	return fmt.Sprintf("postgres://drill:%s%d@drill.invalid:5432/drill", d.password, d.written)
}

// setVar sets the config var that the secret follows.
func (d *drill) setVar(ctx context.Context, value string) error {
	return d.heroku.do(ctx, "PATCH", "/apps/"+d.app+"/config-vars", map[string]string{configVar: value}, nil)
}

var errTwice = errors.New("AWSCURRENT is on several versions at once")

// holders returns the versions of a secret that have AWSCURRENT: one, if AWS keeps its word.
func (d *drill) holders(ctx context.Context, secret string) (versions []string, err error) {
	out, err := d.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		return nil, err
	}
	for version, labels := range out.VersionIdsToStages {
		if slices.Contains(labels, awsCurrent) {
			versions = append(versions, version)
		}
	}
	return versions, nil
}

// current returns the version that is current, "" for none. It fails if there are two.
func (d *drill) current(ctx context.Context, secret string) (string, error) {
	versions, err := d.holders(ctx, secret)
	switch {
	case err != nil || len(versions) == 0:
		return "", err
	case len(versions) > 1:
		return "", fmt.Errorf("%w: %d", errTwice, len(versions))
	}
	return versions[0], nil
}

// holds reports whether a value is current. It reads each version once.
func (d *drill) holds(ctx context.Context, value string) (bool, error) {
	version, err := d.current(ctx, d.secret)
	if err != nil || version == "" {
		return false, err
	}
	if _, read := d.known[version]; !read {
		out, err := d.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &d.secret, VersionId: &version})
		if err != nil {
			return false, err
		}
		d.known[version] = *out.SecretString
	}
	return d.known[version] == value, nil
}

// arrives waits until a value is current.
func (d *drill) arrives(ctx context.Context, value string, patience time.Duration) (time.Duration, error) {
	return until(ctx, "AWSCURRENT has the new value", patience, d.pace.tick, func() (bool, error) { return d.holds(ctx, value) })
}

// versions returns the ids of all versions of the secret, those without a label too.
func (d *drill) versions(ctx context.Context) (map[string]bool, error) {
	all := make(map[string]bool)
	pages := secretsmanager.NewListSecretVersionIdsPaginator(d.secrets, &secretsmanager.ListSecretVersionIdsInput{SecretId: &d.secret, IncludeDeprecated: new(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			all[*v.VersionId] = true
		}
	}
	return all, nil
}

// still runs something, and fails if it or the functions have written to the secret
// meanwhile.
func (d *drill) still(ctx context.Context, meanwhile func() error) error {
	version, err := d.current(ctx, d.secret)
	if err != nil {
		return err
	}
	before, err := d.versions(ctx)
	if err != nil {
		return err
	}
	if err := meanwhile(); err != nil {
		return err
	}
	after, err := d.versions(ctx)
	if err != nil {
		return err
	}
	now, err := d.current(ctx, d.secret)
	switch {
	case err != nil:
		return err
	case now != version:
		return errors.New("AWSCURRENT has moved")
	case !maps.Equal(before, after):
		return fmt.Errorf("%d versions were put", len(after)-len(before))
	}
	return nil
}

func (d *drill) tag(ctx context.Context, key, value string) error {
	_, err := d.secrets.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: &d.secret, Tags: []types.Tag{{Key: &key, Value: &value}}})
	return err
}

func (d *drill) untag(ctx context.Context, key string) error {
	_, err := d.secrets.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: &d.secret, TagKeys: []string{key}})
	return err
}

// readSecret reads a secret of the stack, and notes that its value is not to be shown.
func (d *drill) readSecret(ctx context.Context, secret string) (string, error) {
	out, err := d.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret})
	if err != nil {
		return "", fmt.Errorf("read the secret %s: %w", secret, err)
	}
	d.hide = append(d.hide, *out.SecretString)
	return *out.SecretString, nil
}
