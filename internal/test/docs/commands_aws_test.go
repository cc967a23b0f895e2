package docs_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/tool"
)

// pastedBlocks are blocks of the pages, and commands in their text, that no other test runs, by
// their page and first words, and what AWS must be asked for when somebody pastes them: an
// operation, and parts of the request. AWS is a stand-in that says yes to everything.
var pastedBlocks = map[[2]string][]string{
	{"runbook.md", "aws ecs update-service"}: {"UpdateService CLUSTER SERVICE true"},
	{"runbook.md", "machine=$("}: {
		"DescribeStackResource RestartMachine", "ListExecutions of-RestartMachine FAILED", "DescribeExecution last-run"},
	{"runbook.md", "poll '{\"dryRun\":true}'\nask 'fields @timestamp, @message"}: {
		"POST functions/of-PollerFunction/invocations dryRun", "StartQuery of-this-stack-poller", "GetQueryResults",
		"GET schedules", "GET account-settings"},
	{"runbook.md", "aws lambda get-account-settings"}: {"GET account-settings", "GET functions/of-WebhookFunction/concurrency"},
	{"runbook.md", "for f in "}: {
		"PUT functions/of-WebhookFunction/concurrency 0", "PUT functions/of-PollerFunction/concurrency 0",
		"DELETE functions/of-WebhookFunction/concurrency", "DELETE functions/of-PollerFunction/concurrency"},
	{"runbook.md", "set_parameter() {"}: {
		"UpdateStack UsePreviousTemplate=true ParameterKey=Pause&Parameters.member.1.ParameterValue=on ParameterKey=AlarmEmail&Parameters.member.2.UsePreviousValue=true"},
	{"runbook.md", "openssl rand"}: {"PutSecretValue of-SigningKey"},
	{"runbook.md", "aws secretsmanager list-secrets --filters Key=tag-key,Values=heroku:app --query \"SecretList[].[Name, Tags[?"}: {
		"ListSecrets heroku:app", "UpdateStack ParameterValue=on", "POST functions/of-PollerFunction/invocations unsubscribe",
		"DeleteStack StackName=of-this-stack"},
	{"runbook.md", "aws cloudtrail lookup-events"}:                {"LookupEvents EventName UpdateSecretVersionStage"},
	{"runbook.md", "aws kms describe-key"}:                        {"DescribeKey KEY"},
	{"deploy.md", "aws cloudformation describe-stack-events"}:     {"DescribeStackEvents StackName=keepcurrent"},
	{"consumers.md", "aws events put-rule"}:                       {"PutRule AWSCURRENT shop-database-url", "PutTargets shop-database-url a-target a-role"},
	{"consumers-aws.md", "aws elasticbeanstalk update"}:           {"UpdateEnvironment EnvironmentName=shop OptionName=DATABASE_URL"},
	{"consumers-aws.md", "aws elasticbeanstalk restart"}:          {"RestartAppServer EnvironmentName=shop"},
	{"deploy.md", "aws s3 rb"}:                                    {"GET keepcurrent-ACCOUNT-REGION", "DELETE keepcurrent-ACCOUNT-REGION"},
	{"terraform.md", "make subscribe APP=shop STACK=keepcurrent"}: {"PutSecretValue the-modules-output HRKU-EXAMPLE"},
}

// blockOf returns the block of a page that begins so, or the code in its text.
func blockOf(t *testing.T, page, begins string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range placesOf(string(text)) {
		if lines := strings.TrimLeft(place.lines, " "); strings.HasPrefix(lines, begins) {
			return lines
		}
	}
	t.Fatalf("docs/%s has no block that begins with %s", page, begins)
	return ""
}

// pastedCommands returns the commands of the blocks that are pasted.
func pastedCommands(t *testing.T) (all []string) {
	t.Helper()
	for key := range pastedBlocks {
		all = append(all, commandsOf(t, key[0], blockOf(t, key[0], key[1]))...)
	}
	return all
}

// Nobody has pasted these on AWS. This shows that the CLI takes them, and asks for what the page
// means; what AWS does then is in AWS's documentation.
func TestThePagesAskAWSForWhatTheyMean(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the test is to be short")
	}
	tool.Path(t, "aws")
	// Each call of the CLI takes a second, and a person need not wait for CloudWatch here.
	functions := strings.Replace(blockOf(t, "runbook.md", "STACK="), "STACK=keepcurrent", "STACK=of-this-stack", 1) +
		"out() { echo of-$1; }\nsleep() { :; }\nmake() { :; }\nheroku() { echo HRKU-EXAMPLE; }\n"
	pause, _, _ := strings.Cut(blockOf(t, "runbook.md", "set_parameter() {"), "set_parameter Pause on")
	pattern := regexp.MustCompile("(?s)```json\n(\\{\n  \"source\": \\[\"aws.secretsmanager\"\\].*?)```").FindStringSubmatch(pages(t)["docs/consumers.md"])
	options, err := os.ReadFile(filepath.Join(root, "docs/recipes/elastic-beanstalk-options.json"))
	if pattern == nil || err != nil {
		t.Fatal("the files that the commands read are not there: ", err)
	}
	for key, want := range pastedBlocks {
		t.Run(key[0]+" "+key[1][:min(30, len(key[1]))], func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("terraform"); err != nil && key[0] == "terraform.md" {
				t.Skip("terraform is not installed")
			}
			dir, cloud := t.TempDir(), &yesCloud{}
			write(t, filepath.Join(dir, "pattern.json"), pattern[1])
			write(t, filepath.Join(dir, "elastic-beanstalk-options.json"), string(options))
			write(t, filepath.Join(dir, "terraform.tfstate"), `{"version":4,"outputs":{"token_secret":{"value":"the-modules-output","type":"string"}}}`)
			cloud.paste(t, dir, functions+pause+blockOf(t, key[0], key[1]))
			for _, request := range want {
				if !slices.ContainsFunc(cloud.requests, func(got string) bool { return isRequest(got, request) }) {
					t.Errorf("AWS was not asked for %q, but for\n%s", request, strings.Join(cloud.requests, "\n"))
				}
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// isRequest reports whether a request has the operation and each part.
func isRequest(got, want string) bool {
	words := strings.Fields(want)
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(got, word) }) && strings.HasPrefix(got, words[0]+" ")
}

// yesCloud answers each request as an AWS that has done it, with as little as the CLI reads.
type yesCloud struct {
	mu       sync.Mutex
	requests []string // the operation, or method and path without a version, and the body
}

var yes = map[string]string{
	"DescribeStackResource": `<StackResourceDetail><PhysicalResourceId>of-RestartMachine</PhysicalResourceId></StackResourceDetail>`,
	"DescribeStacks": `<Stacks><member><StackStatus>UPDATE_COMPLETE</StackStatus><Parameters><member><ParameterKey>Pause</ParameterKey></member>` +
		`<member><ParameterKey>AlarmEmail</ParameterKey></member></Parameters></member></Stacks>`,
	"ListExecutions": `{"executions":[{"executionArn":"last-run"}]}`,
	"StartQuery":     `{"queryId":"a-query"}`,
}

func (c *yesCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	target := r.Header.Get("X-Amz-Target")
	operation := target[strings.LastIndexByte(target, '.')+1:]
	text, _ := url.QueryUnescape(string(body))
	form, _ := url.ParseQuery(string(body))
	answer := "{}"
	switch action := form.Get("Action"); {
	case target != "":
		answer = cmp.Or(yes[operation], answer)
	case action != "":
		operation = action
		answer = fmt.Sprintf("<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, yes[action])
	default:
		operation = r.Method + " " + version.ReplaceAllString(r.URL.Path, "")
		if strings.HasPrefix(r.URL.Path, "/keepcurrent-") {
			answer = "<ListBucketResult></ListBucketResult>"
		}
	}
	c.mu.Lock()
	c.requests = append(c.requests, operation+" "+text)
	c.mu.Unlock()
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, _ = io.WriteString(w, answer)
}

var version = regexp.MustCompile(`^/(\d{4}-\d\d-\d\d/)?`)

// paste runs lines of a page with the real CLI, which can reach nothing but the cloud.
func (c *yesCloud) paste(t *testing.T, dir, lines string) {
	t.Helper()
	server := httptest.NewServer(c)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-ec", lines)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=" + server.URL,
		"AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE", "TARGET_ARN=a-target", "ROLE_ARN=a-role"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestTheCoreImportsWhatThePageSays runs the page's command.
func TestTheCoreImportsWhatThePageSays(t *testing.T) {
	t.Parallel()
	block := blockOf(t, "architecture.md", "go list")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", block)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	var names []string
	for _, pkg := range strings.Fields(string(out)) {
		names = append(names, filepath.Base(pkg))
	}
	slices.Sort(names)
	if want := []string{"connection", "credential", "reconcile"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%v, and it shows %q, and the page says %q", err, names, want)
	}
}
