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

	"keepcurrent.example/internal/secretstest"
)

func TestRawRequests(t *testing.T) {
	t.Parallel()
	const signed = "AWS4-HMAC-SHA256 Credential=EXAMPLE/20261122/us-east-1/secretsmanager/aws4_request"
	const list = "secretsmanager.ListSecrets"
	for name, test := range map[string]struct {
		authorization, target, body string
		status                      int
		kind                        string
	}{
		"no signature":            {"", list, "{}", 400, "MissingAuthenticationTokenException"},
		"another kind of key":     {"Basic RVhBTVBMRQ==", list, "{}", 400, "IncompleteSignatureException"},
		"no action":               {signed, "", "{}", 400, "UnknownOperationException"},
		"another service":         {signed, "kms.ListSecrets", "{}", 400, "UnknownOperationException"},
		"an action not served":    {signed, "secretsmanager.RotateSecret", "{}", 400, "UnknownOperationException"},
		"no JSON":                 {signed, list, "SecretId=x", 400, "SerializationException"},
		"a parameter not served":  {signed, list, `{"SortOrder":"desc"}`, 400, "SerializationException"},
		"no ClientRequestToken":   {signed, "secretsmanager.PutSecretValue", `{"SecretId":"x","SecretString":"y"}`, 400, "InvalidRequestException"},
		"a token that is no page": {signed, list, `{"NextToken":"x"}`, 400, "InvalidNextTokenException"},
		"more than 1 MiB":         {signed, list, strings.Repeat(" ", 1<<20) + "{}", 413, "RequestEntityTooLargeException"},
		"well formed":             {signed, list, "{}", 200, ""},
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
			if w.Code != test.status || answer.Type != test.kind || w.Header().Get("X-Amzn-Errortype") != test.kind {
				t.Errorf("answered %d %s (header %q), want %d %s", w.Code, w.Body, w.Header().Get("X-Amzn-Errortype"), test.status, test.kind)
			}
		})
	}
}

func TestCallsCountByAction(t *testing.T) {
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

func TestListLag(t *testing.T) {
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
		after := x.describe().VersionIdsToStages
		shows("at once", before)
		now = now.Add(4 * time.Minute)
		x.delete(true)
		shows("after 4 minutes", before)
		now = now.Add(time.Minute)
		shows("after 5 minutes", after)
		now = now.Add(4 * time.Minute)
		shows("4 minutes after it was deleted", map[string][]string{})
	})
}

func TestListCatchesUpWhenTheLagIsSet(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.SetListLag(time.Hour)
	check(t, s, func(x *trial) {
		x.tagged(x.name, "app", "shop")
		x.find("")
		s.SetListLag(0)
		x.find(x.name)
	})
}

func TestPagesOf250Secrets(t *testing.T) {
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
			// What goes must not move what comes after it to a page already read.
			must(x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: page[0].ARN}))
		}
		equal("sizes of the pages", sizes, []int{100, 100, 50})
		equal("secrets", len(seen), 250)
	})
}

func TestFiltersOfText(t *testing.T) {
	t.Parallel()
	check(t, newServer(t), func(x *trial) {
		must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name, Description: new("The Shop's database")}))
		for filtered, want := range map[string]int{
			"description=the shop":         1,
			"description=database":         0,
			"all=DATABASE keepcurrent":     1,
			"all=database bank":            0,
			"owning-service=rds":           0,
			"primary-region=!eu-west-1":    1,
			"name=Keepcurrent":             0,
			"description=!the,description": 0,
		} {
			key, values, _ := strings.Cut(filtered, "=")
			out := must(x.client.ListSecrets(x.ctx, &secretsmanager.ListSecretsInput{Filters: []types.Filter{filter(key, strings.Split(values, ",")...)}}))
			equal(filtered, len(out.SecretList), want)
		}
	})
}

func TestBatchByFilter(t *testing.T) {
	t.Parallel()
	check(t, newServer(t), func(x *trial) {
		for i := range 25 {
			x.tagged(fmt.Sprint(x.name, "/", i), "app", "shop")
		}
		in := &secretsmanager.BatchGetSecretValueInput{Filters: x.byTag().Filters}
		first := must(x.client.BatchGetSecretValue(x.ctx, in))
		in.NextToken = first.NextToken
		second := must(x.client.BatchGetSecretValue(x.ctx, in))
		equal("values", []int{len(first.SecretValues), len(second.SecretValues)}, []int{20, 5})
	})
}

// check runs some steps of a trial that are no case of AWS's documentation.
func check(t *testing.T, s *secretstest.Server, steps func(x *trial)) {
	t.Helper()
	if err := (conformanceCase{run: steps}).try(t.Context(), newClient(t, s.URL), 0); err != nil {
		t.Error(err)
	}
}
