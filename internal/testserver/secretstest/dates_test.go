package secretstest_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// seen are the dates of a secret as one action tells them, nil where it tells none.
type seen struct{ created, changed, accessed, deleted *time.Time }

func (x *trial) described() seen {
	out := x.describe()
	return seen{out.CreatedDate, out.LastChangedDate, out.LastAccessedDate, out.DeletedDate}
}

func (x *trial) listed() seen {
	e := must(x.client.ListSecrets(x.ctx, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: new(true)})).SecretList[0]
	return seen{e.CreatedDate, e.LastChangedDate, e.LastAccessedDate, e.DeletedDate}
}

func (x *trial) versionDates() []types.SecretVersionsListEntry {
	return must(x.client.ListSecretVersionIds(x.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &x.name})).Versions
}

func same(got *time.Time, want time.Time) bool {
	if got == nil {
		return want.IsZero()
	}
	return got.Equal(want)
}

func TestDatesSayWhenASecretWasMadeChangedReadAndDeleted(t *testing.T) {
	t.Parallel()
	defer caught(t)
	server, x := newTrial(t)
	clock := time.Date(2026, 11, 26, 9, 30, 15, 250e6, time.UTC)
	server.SetNow(func() time.Time { return clock })
	made := clock
	x.create("one")
	check := func(step string, changed, accessed, deleted time.Time) {
		t.Helper()
		for action, got := range map[string]seen{"DescribeSecret": x.described(), "ListSecrets": x.listed()} {
			if !same(got.created, made) || !same(got.changed, changed) || !same(got.accessed, accessed) || !same(got.deleted, deleted) {
				t.Errorf("%s: %s tells %v", step, action, got)
			}
		}
	}
	check("made", made, time.Time{}, time.Time{})

	clock = clock.Add(time.Hour)
	x.value("", current)
	check("read", made, time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), time.Time{})

	clock = clock.Add(24 * time.Hour)
	ok(x.tag("k", "v"))
	tagged := clock
	check("tagged", tagged, time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), time.Time{})
	x.value("", current)
	check("read the day after", tagged, time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC), time.Time{})
	version := x.versionDates()[0]
	if !same(version.CreatedDate, made) || !same(version.LastAccessedDate, time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("ListSecretVersionIds tells %v and %v", version.CreatedDate, version.LastAccessedDate)
	}

	clock = clock.Add(time.Hour)
	x.delete(false)
	check("marked deleted", clock, time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC), clock.AddDate(0, 0, 30))
}
