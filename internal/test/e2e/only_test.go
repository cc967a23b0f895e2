package e2e_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/testserver/stacktest"
)

// Two stacks share an account by a tag. What the tag keeps away from a stack is not read,
// not written and not logged in to, whichever trigger names it.
func TestAStackFollowsOnlyTheSecretsThatHaveItsTag(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{Env: []string{"ONLY_TAG=team=shop"}})
	app := s.Heroku.CreateApp("shop")
	addon := s.Heroku.Provision(app, s.database())
	ours := s.bind(app.Name, "shop/database", "team=shop")
	others := s.bind(app.Name, "blog/database", "team=blog")
	tag := func(team string) {
		_, err := s.AWS.TagResource(t.Context(), &secretsmanager.TagResourceInput{
			SecretId: &others, Tags: []types.Tag{{Key: aws.String("team"), Value: &team}},
		})
		s.must(err)
	}
	if report := s.poll(); report.Bindings != 1 || report.Published != 1 || s.value(ours) == "" {
		t.Errorf("the report of a poll: %+v", report)
	}
	if status := s.announce(app); status != 204 || s.value(others) != "" {
		t.Errorf("a delivery: status %d", status)
	}
	tag("shop")
	if report := s.poll(); report.Bindings != 2 || s.value(others) == "" { // a warm webhook has a list of its own
		t.Errorf("a poll after the secret got the tag: %+v", report)
	}
	refused := s.current(others)
	s.must(addon.Rotate(t.Context()))
	tag("blog")
	s.call(others, refused, 1)
	if report := s.poll(); report.Bindings != 1 || report.Published != 1 || s.current(others) != refused {
		t.Errorf("after the secret lost the tag: %+v", report)
	}
	s.sum(s.Webhook, "CalledByConsumer", 0)
}
