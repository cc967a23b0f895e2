package secretstest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/testserver/secretstest"
)

func TestOnlyWhatIsServedIsAnswered(t *testing.T) {
	t.Parallel()
	const signed = "AWS4-HMAC-SHA256 Credential=EXAMPLE/20261122/us-east-1/secretsmanager/aws4_request"
	const list, put = "secretsmanager.ListSecrets", "secretsmanager.PutSecretValue"
	for name, test := range map[string]struct {
		authorization, target, body string
		refusal                     string // "" if it is answered
	}{
		"no signature":            {"", list, "{}", "MissingAuthenticationTokenException"},
		"another kind of key":     {"Basic RVhBTVBMRQ==", list, "{}", "MissingAuthenticationTokenException"},
		"no action":               {signed, "", "{}", "UnknownOperationException"},
		"another service":         {signed, "kms.ListSecrets", "{}", "UnknownOperationException"},
		"an action not served":    {signed, "secretsmanager.RotateSecret", "{}", "UnknownOperationException"},
		"no JSON":                 {signed, list, "SecretId=x", "SerializationException"},
		"a parameter not served":  {signed, list, `{"SortOrder":"desc"}`, "SerializationException"},
		"more than 1 MiB":         {signed, list, strings.Repeat(" ", 1<<20) + "{}", "SerializationException"},
		"no ClientRequestToken":   {signed, put, `{"SecretId":"x","SecretString":"y"}`, "InvalidRequestException"},
		"a token that is no page": {signed, list, `{"NextToken":"x"}`, "InvalidNextTokenException"},
		"a filter not served":     {signed, list, `{"Filters":[{"Key":"name","Values":["x"]}]}`, "ValidationException"},
		"a negated filter":        {signed, list, `{"Filters":[{"Key":"tag-key","Values":["!x"]}]}`, "ValidationException"},
		"a filter of no value":    {signed, list, `{"Filters":[{"Key":"tag-key","Values":[]}]}`, "InvalidParameterException"},
		"a filter of 11 values":   {signed, list, `{"Filters":[{"Key":"tag-key","Values":["1"` + strings.Repeat(`,"1"`, 10) + `]}]}`, "InvalidParameterException"},
		"a good request":          {signed, list, `{"Filters":[{"Key":"tag-key","Values":["1"` + strings.Repeat(`,"1"`, 9) + `]}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
			r.Header.Set("Authorization", test.authorization)
			r.Header.Set("X-Amz-Target", test.target)
			w := httptest.NewRecorder()
			secretstest.New().ServeHTTP(w, r)
			var answer struct {
				Type string `json:"__type"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Type != test.refusal || w.Header().Get("X-Amzn-Errortype") != test.refusal || (w.Code == 200) != (test.refusal == "") {
				t.Errorf("answered %d %s (header %q), want %q", w.Code, w.Body, w.Header().Get("X-Amzn-Errortype"), test.refusal)
			}
		})
	}
}

func TestCallsAreCountedByAction(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	check(t, s, func(x *trial) {
		x.create("one")
		x.value("", current)
		_, _ = x.get("none", "", current)
		equal("calls", s.Calls(), map[string]int{"CreateSecret": 1, "GetSecretValue": 2})
		s.ResetCalls()
		equal("calls after the reset", len(s.Calls()), 0)
	})
}

func TestOldVersionsAreRemoved(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	now := time.Now()
	s.SetNow(func() time.Time { return now })
	check(t, s, func(x *trial) {
		first := x.create("0")
		labelled := x.put("labelled", candidate)
		second := x.put("1")
		for i := range 101 {
			x.put(fmt.Sprint(i))
		}

		refused("put beyond 100 young versions", x.putAs(newToken(), "more"), "LimitExceededException")

		s.SetNow(func() time.Time { return now.Add(24 * time.Hour) })
		x.put("more")
		_, err := x.get(x.name, first, "")
		refused("get of the oldest version", err, notFound)
		equal("value of the next", x.value(second, ""), "1")
		equal("value of the labelled", x.value(labelled, ""), "labelled")
	})
}

func TestTheListLagsBehind(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	now := time.Now()
	s.SetNow(func() time.Time { return now })
	check(t, s, func(x *trial) {
		x.tagged(x.name, "app", "shop")
		before := x.describe().VersionIdsToStages
		s.SetListLag(5 * time.Minute)

		shows := func(when string, want map[string][]string) {
			got := map[string][]string{}
			for _, entry := range must(x.client.ListSecrets(x.ctx, x.byTag())).SecretList {
				maps.Copy(got, entry.SecretVersionsToStages)
			}
			equal(when, got, want)
		}
		x.put("two")
		between := x.describe().VersionIdsToStages
		shows("at once", before)
		now = now.Add(3 * time.Minute)
		x.put("three")
		after := x.describe().VersionIdsToStages
		shows("after 3 minutes", before)
		now = now.Add(2 * time.Minute)
		shows("after 5 minutes", between)
		now = now.Add(3 * time.Minute)
		shows("after 8 minutes", after)
		x.delete(true)
		shows("once it is deleted by force", map[string][]string{})
	})
}

func TestALaggingListFiltersByTheTagsAsTheyWere(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	check(t, s, func(x *trial) {
		x.tagged(x.name, "app", "shop")
		s.SetListLag(5 * time.Minute)
		must(x.client.TagResource(x.ctx, &secretsmanager.TagResourceInput{SecretId: &x.name, Tags: []types.Tag{{Key: new("app"), Value: new("bank")}}}))
		x.find(x.name, filter("tag-value", "shop"))
		x.find("", filter("tag-value", "bank"))
	})
}

func TestPagesJoinUpWhileSecretsGo(t *testing.T) {
	t.Parallel()
	check(t, newServer(t), func(x *trial) {
		for i := range 250 {
			x.tagged(fmt.Sprint(x.name, "/", i), "app", "shop")
		}
		seen, sizes := map[string]bool{}, []int{}
		pages := secretsmanager.NewListSecretsPaginator(x.client, x.byTag())
		for pages.HasMorePages() {
			page := must(pages.NextPage(x.ctx)).SecretList
			sizes = append(sizes, len(page))
			for _, entry := range page {
				seen[*entry.Name] = true
			}
			// A removed secret must not move later ones to a page that was read already.
			must(x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: page[0].ARN}))
		}
		equal("sizes of the pages", sizes, []int{100, 100, 50})
		equal("secrets", len(seen), 250)
	})
}

// check runs some steps of a trial that are no case of AWS's documentation.
func check(t *testing.T, s *secretstest.Server, steps func(x *trial)) {
	t.Helper()
	if err := (conformanceCase{run: steps}).try(t.Context(), newClient(t, s.URL), 0); err != nil {
		t.Error(err)
	}
}
