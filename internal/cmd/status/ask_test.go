package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/tool"
)

// account is an AWS account for the CLI: it has the stack kc, and a poller that answers what
// it is told to.
func account(t *testing.T, answer string) {
	t.Helper()
	tool.Path(t, "aws")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, isLambda := strings.CutPrefix(r.URL.Path, "/2015-03-31/functions/"); isLambda {
			event, _ := io.ReadAll(r.Body)
			if name != "kc-poller/invocations" || string(event) != `{"dryRun":true}` {
				t.Errorf("%s is invoked with %s", name, event)
			}
			_, _ = io.WriteString(w, answer)
			return
		}
		_ = r.ParseForm()
		if r.Form.Get("StackName") != "kc" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id %s does not exist</Message></Error></ErrorResponse>`, r.Form.Get("StackName"))
			return
		}
		_, _ = io.WriteString(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>kc</StackName><CreationTime>2026-11-26T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>
			<Outputs><member><OutputKey>PollerFunction</OutputKey><OutputValue>kc-poller</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	}))
	t.Cleanup(server.Close)
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "EXAMPLE", "AWS_SECRET_ACCESS_KEY": "EXAMPLE",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_ENDPOINT_URL": server.URL,
	} {
		t.Setenv(name, value)
		if value == "" {
			os.Unsetenv(name)
		}
	}
}

func TestAStackThatNeedsYouIsToldFromOneThatIsNotThere(t *testing.T) {
	account(t, strings.TrimSuffix(dryRun(shopOK), "}")+`,"subscriptions":[{"app":"shop","state":"missing"}]}`)
	stdout, stderr, code := invoke("", "STACK=kc")
	if code != needsYou || stderr != "" || !strings.Contains(stdout, "\nmake subscribe APP=shop STACK=kc\n") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	stdout, stderr, code = invoke("", "STACK=other")
	if code != notAsked || stdout != "" || stderr != "status: there is no stack other in this account and the Region eu-west-1: say another STACK=…, or set AWS_REGION or AWS_PROFILE\n" {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

func TestWithoutARegionItSaysHowToNameOne(t *testing.T) {
	account(t, dryRun(shopOK))
	os.Unsetenv("AWS_REGION")
	stdout, stderr, code := invoke("", "STACK=kc")
	if code != notAsked || stdout != "" || !strings.Contains(stderr, "no Region: export AWS_REGION=") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

func TestWhatCannotBeAskedIsSaidInOneLine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for name, want := range map[string]string{"kc": "https://docs.aws.amazon.com/cli/", "": "a stack's name has", "a b": "a stack's name has", "--all": "a stack's name has"} {
		stdout, stderr, code := invoke("", "STACK="+name)
		if code != notAsked || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit code %d: %s%s", name, code, stdout, stderr)
		}
	}
}
