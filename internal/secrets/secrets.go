// Package secrets is the reconciler's client of Secrets Manager. A [Manager] lists and
// describes the bound secrets ([Manager.List], [Manager.First], [Manager.ForApps],
// [Manager.Describe]), reads their values ([Manager.Read]) and writes them ([Manager.Stage],
// [Manager.Swap]). It also reads the stack's own secrets, the tokens and the signing key
// ([Manager.Value], [Manager.Dated], [Manager.Previous]).
//
// It follows these rules, which AWS does not demand:
//
//   - a value is put with the label HEROKU_CANDIDATE only. Without a label a put would make it
//     AWSCURRENT at once and unchecked, and AWSPENDING would tell AWS that a rotation is
//     running
//     (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html)
//   - AWSCURRENT moves by UpdateSecretVersionStage with RemoveFromVersionId, which fails if
//     another version holds the label
//     (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html)
//   - values are read with an explicit VersionStage
//
// Nothing here deletes.
package secrets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"golang.org/x/time/rate"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

const (
	current   = "AWSCURRENT"
	previous  = "AWSPREVIOUS"
	candidate = "HEROKU_CANDIDATE"
)

// errHollow says that an answer of 200 lacks what AWS's answers always have: it
// comes from something else.
var errHollow = errors.New("the answer is not one of Secrets Manager's")

// Manager is Secrets Manager of one account and Region. It implements
// [reconcile.Secrets].
type Manager struct {
	Client *secretsmanager.Client
	// Pace spaces out the writes, nil lets them go as they come. AWS takes 50 a second of
	// them, in all, in one account and Region, and this is not adjustable
	// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
	Pace *rate.Limiter
	// Only is a tag that a secret must have beside heroku:app to be bound here; the zero Tag
	// asks for none. It tells apart the secrets of two stacks in one account. A secret
	// without it is returned without its tag heroku:app, so no caller takes it for bound.
	Only Tag
}

// Tag is the tag of a secret.
type Tag struct{ Key, Value string }

var _ reconcile.Secrets = Manager{}

// List names all secrets that have the tag heroku:app (and the tag Only), except those
// marked for deletion.
func (m Manager) List(ctx context.Context) ([]reconcile.Secret, error) {
	secrets, _, err := m.list(ctx, allPages, m.onlyFilter()...)
	return secrets, err
}

// First returns the first page of [Manager.List]. all reports whether there is no other.
func (m Manager) First(ctx context.Context) (secrets []reconcile.Secret, all bool, err error) {
	return m.list(ctx, 1, m.onlyFilter()...)
}

// onlyFilter spares a list the pages of the other stacks' secrets.
func (m Manager) onlyFilter() []types.Filter {
	if m.Only == (Tag{}) {
		return nil
	}
	return []types.Filter{{Key: types.FilterNameStringTypeTagValue, Values: []string{m.Only.Value}}}
}

// ForApps returns the secrets of [Manager.List] that have a tag whose value is one of the
// values, or begins with one: AWS matches prefixes.
func (m Manager) ForApps(ctx context.Context, values ...string) ([]reconcile.Secret, error) {
	secrets, _, err := m.list(ctx, allPages, types.Filter{Key: types.FilterNameStringTypeTagValue, Values: values})
	return secrets, err
}

const allPages = math.MaxInt

// list reads at most that many pages. AWS matches tag keys and values as prefixes,
// and joins filters by "and", so the exact match is ours:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html
func (m Manager) list(ctx context.Context, most int, filters ...types.Filter) (secrets []reconcile.Secret, all bool, err error) {
	pages := secretsmanager.NewListSecretsPaginator(m.Client, &secretsmanager.ListSecretsInput{
		Filters:    append(filters, types.Filter{Key: types.FilterNameStringTypeTagKey, Values: []string{reconcile.AppTag}}),
		MaxResults: aws.Int32(100),
	})
	for n := 0; n < most && pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, fmt.Errorf("listing secrets: %w", plain(err))
		}
		if page.SecretList == nil { // an empty list is not nil
			return nil, false, fmt.Errorf("listing secrets: %w", errHollow)
		}
		for _, entry := range page.SecretList {
			s := m.secretOf(entry.ARN, entry.Name, entry.Tags, entry.SecretVersionsToStages)
			s = owned(s, entry.PrimaryRegion, entry.OwningService, entry.Type, entry.RotationEnabled)
			if _, bound := s.Tags[reconcile.AppTag]; bound && entry.DeletedDate == nil {
				secrets = append(secrets, s)
			}
		}
	}
	return secrets, !pages.HasMorePages(), nil
}

// Describe tells of one secret, by its ARN or its name, as it is now. The error is
// [reconcile.ErrNoSecret] if there is none.
func (m Manager) Describe(ctx context.Context, id string) (reconcile.Secret, error) {
	out, err := m.Client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if isA[*types.ResourceNotFoundException](err) {
		return reconcile.Secret{}, fmt.Errorf("describing the secret: %w: %w", reconcile.ErrNoSecret, err)
	}
	if err != nil {
		return reconcile.Secret{}, fmt.Errorf("describing the secret: %w", plain(err))
	}
	if out.ARN == nil {
		return reconcile.Secret{}, fmt.Errorf("describing the secret: %w", errHollow)
	}
	if out.DeletedDate != nil {
		return reconcile.Secret{}, fmt.Errorf("%w: it is marked for deletion; restore it, and remove its heroku:app tag if nobody needs it", reconcile.ErrNoSecret)
	}
	s := m.secretOf(out.ARN, out.Name, out.Tags, out.VersionIdsToStages)
	return owned(s, out.PrimaryRegion, out.OwningService, out.Type, out.RotationEnabled), nil
}

// owned returns the secret with what AWS tells of other writers.
func owned(s reconcile.Secret, region, service, partner *string, rotates *bool) reconcile.Secret {
	s.Primary = primary(s.ARN, region)
	s.Owner = cmp.Or(aws.ToString(service), aws.ToString(partner))
	s.Rotates = aws.ToBool(rotates)
	return s
}

// primary returns the Region that a replica is copied from, "" for what is none: a
// secret that has replicas names its own
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html).
func primary(arn string, region *string) string {
	if parts := strings.Split(arn, ":"); region == nil || len(parts) < 4 || parts[3] == *region {
		return ""
	}
	return *region
}

func (m Manager) secretOf(arn, name *string, tags []types.Tag, versions map[string][]string) reconcile.Secret {
	s := reconcile.Secret{
		ARN:       aws.ToString(arn),
		Name:      aws.ToString(name),
		Tags:      make(map[string]string, len(tags)),
		Current:   holder(versions, current),
		Candidate: holder(versions, candidate),
	}
	for _, tag := range tags {
		s.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if m.Only != (Tag{}) && s.Tags[m.Only.Key] != m.Only.Value {
		delete(s.Tags, reconcile.AppTag)
	}
	return s
}

func holder(versions map[string][]string, label string) string {
	for id, labels := range versions {
		if slices.Contains(labels, label) {
			return id
		}
	}
	return ""
}

// Stage puts the payload as the given version under HEROKU_CANDIDATE and reports
// whether that made it AWSCURRENT. The version id is the request's idempotency
// token, so a repeat does nothing.
func (m Manager) Stage(ctx context.Context, arn, version string, payload credential.Value) (isCurrent bool, err error) {
	isCurrent, err = m.put(ctx, &secretsmanager.PutSecretValueInput{
		SecretId:           &arn,
		ClientRequestToken: &version,
		SecretString:       aws.String(payload.Reveal()),
		VersionStages:      []string{candidate},
	})
	if err != nil {
		return false, fmt.Errorf("putting version %s as %s: %w", version, candidate, plain(err))
	}
	return isCurrent, nil
}

// wait waits until the next write may be made.
func (m Manager) wait(ctx context.Context) error {
	if m.Pace == nil || m.Pace.Wait(ctx) == nil {
		return nil
	}
	<-ctx.Done() // the limiter does not wait for a slot that comes too late, but the run is not over yet
	return ctx.Err()
}

func (m Manager) put(ctx context.Context, in *secretsmanager.PutSecretValueInput) (isCurrent bool, err error) {
	if err := m.wait(ctx); err != nil {
		return false, err
	}
	out, err := m.Client.PutSecretValue(ctx, in)
	if err != nil {
		return false, refusal(err)
	}
	if aws.ToString(out.VersionId) != *in.ClientRequestToken {
		return false, errHollow
	}
	return slices.Contains(out.VersionStages, current), nil
}

// Swap moves AWSCURRENT from one version to another. AWS refuses with
// InvalidParameterException if from does not hold the label. If to is gone
// (a candidate that lost its label may be collected) the swap fails as well, and
// starting again is the remedy for both: [reconcile.ErrConflict].
func (m Manager) Swap(ctx context.Context, arn, to, from string) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{
		SecretId:        &arn,
		VersionStage:    aws.String(current),
		MoveToVersionId: &to,
	}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	err := m.move(ctx, in)
	if isA[*types.InvalidParameterException](err) || isA[*types.ResourceNotFoundException](err) {
		err = fmt.Errorf("%w: %w", err, reconcile.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("moving AWSCURRENT to version %s: %w", to, plain(err))
	}
	return nil
}

func (m Manager) move(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput) error {
	if err := m.wait(ctx); err != nil {
		return err
	}
	out, err := m.Client.UpdateSecretVersionStage(ctx, in)
	if err == nil && out.ARN == nil {
		return errHollow
	}
	return err
}

// Read returns the value of the version if it holds AWSCURRENT. Id and label
// together make AWS check that; if they disagree it answers
// InvalidRequestException. For a binary value it returns a text that no format has: the
// secret exists, but holds nothing that a consumer can use.
func (m Manager) Read(ctx context.Context, arn, version string) (credential.Value, error) {
	value, _, err := m.get(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionId: &version, VersionStage: aws.String(current)})
	if isA[*types.InvalidRequestException](err) || isA[*types.ResourceNotFoundException](err) {
		return value, fmt.Errorf("reading version %s: %w: %w", version, err, reconcile.ErrConflict)
	}
	if errors.Is(err, ErrBinary) {
		return notText, nil
	}
	return value, err
}

// Value returns the value that holds AWSCURRENT.
func (m Manager) Value(ctx context.Context, id string) (credential.Value, error) {
	value, _, err := m.Dated(ctx, id)
	return value, err
}

// Dated returns the value that holds AWSCURRENT, and when its version was made.
func (m Manager) Dated(ctx context.Context, id string) (value credential.Value, made time.Time, err error) {
	return m.get(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id, VersionStage: aws.String(current)})
}

// Previous returns the value that holds AWSPREVIOUS, an empty one if none does, or if it
// is binary. That is no error, because a newer value has replaced it.
func (m Manager) Previous(ctx context.Context, id string) (credential.Value, error) {
	value, _, err := m.get(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id, VersionStage: aws.String(previous)})
	if isA[*types.ResourceNotFoundException](err) || errors.Is(err, ErrBinary) {
		return credential.Value{}, nil
	}
	return value, err
}

func (m Manager) get(ctx context.Context, in *secretsmanager.GetSecretValueInput) (value credential.Value, made time.Time, err error) {
	out, err := m.Client.GetSecretValue(ctx, in)
	if err == nil && out.ARN == nil {
		err = errHollow
	}
	if err != nil {
		return value, made, fmt.Errorf("reading the value of %s that holds %s: %w", *in.SecretId, *in.VersionStage, plain(err))
	}
	if out.SecretString == nil && len(out.SecretBinary) > 0 {
		return value, made, fmt.Errorf("secret %s: %w", *in.SecretId, ErrBinary)
	}
	return credential.New(aws.ToString(out.SecretString)), aws.ToTime(out.CreatedDate), nil
}

// plain keeps of a failed request what cannot quote an answer: AWS's own error, a
// network's, or the end of the context.
func plain(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) || errors.Is(err, errHollow) {
		return err
	}
	if network := credential.NetworkError(err); network != nil {
		if errors.Is(network, context.DeadlineExceeded) {
			return fmt.Errorf("Secrets Manager did not answer in time: %w", network)
		}
		return fmt.Errorf("the connection to Secrets Manager failed: %w", network)
	}
	return errors.New("the connection to Secrets Manager broke off, or its answer could not be read")
}

func isA[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

// ErrBinary says that a value was put in as bytes: what is read as a text must be put in
// as a text.
var ErrBinary = errors.New("its value was put in as binary: put it in as a text, with aws secretsmanager put-secret-value --secret-string")

// notText is what [Manager.Read] returns of a binary value: no connection URL and no JSON
// object, whatever the bytes are. A consumer that reads the secret's text finds none, so
// the bytes must count for nothing, even if they spell the right URL.
var notText = credential.New("\x00")
