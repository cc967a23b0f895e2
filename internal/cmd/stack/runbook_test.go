package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The functions that the runbook asks a person to paste.
func pasted(t *testing.T) string {
	t.Helper()
	_, first, _ := strings.Cut(read(t, "../../../docs/runbook.md"), "\n## First\n")
	found := regexp.MustCompile("(?s)```sh\n(STACK=.*?)```").FindStringSubmatch(first)
	if found == nil {
		t.Fatal("the runbook has nothing to paste")
	}
	return found[1]
}

// The CLI writes a summary of its own behind an answer, and empties the file that it is
// given: a redirection of its output has erased a log.
func TestTheRunbooksPollPrintsTheAnswerAloneWhereverItGoes(t *testing.T) {
	s := openSite(t, "http://127.0.0.1:1")
	s.stacks.has("CREATE_COMPLETE")
	s.answer = `{"dryRun":true,"bindings":1}`
	t.Setenv("AWS_DEFAULT_REGION", "eu-west-1") // which both versions of the CLI read
	functions := pasted(t)
	// Each call of the CLI takes a second, so the poller's name is looked up once.
	known := functions + "out() { echo keepcurrent-poller; }\n"
	s.write("log", "a former line\n")
	for name, test := range map[string]struct{ tool, shell, script, wrote, log string }{
		"a file":     {"bash", "bash", functions + `poll '{"dryRun":true}' >>log`, "", "a former line\n" + s.answer + "\n"},
		"a pipe":     {"sh", "sh", known + `poll '{"dryRun":true}' | tr a-z A-Z`, strings.ToUpper(s.answer) + "\n", ""},
		"a terminal": {"script", "bash", known + `poll '{"dryRun":true}'`, s.answer + "\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(test.tool); err != nil {
				t.Skip(test.tool + " is not installed")
			}
			s.write("run.sh", test.script+"\n")
			cmd := exec.CommandContext(t.Context(), test.shell, "run.sh")
			if test.tool == "script" { // gives its command a terminal
				cmd = exec.CommandContext(t.Context(), "script", "-qec", test.shell+" run.sh", "/dev/null")
			}
			cmd.Dir = s.folder
			out, err := cmd.Output()
			if err != nil || string(out) != test.wrote {
				t.Errorf("%v, and it wrote %q, want %q", err, out, test.wrote)
			}
			if asked, want := s.asked(), `keepcurrent-poller {"dryRun":true}`; !slices.Equal(asked, []string{want}) {
				t.Errorf("the poller was asked %q, want %q", asked, want)
			}
			if log := read(t, filepath.Join(s.folder, "log")); test.log != "" && log != test.log {
				t.Errorf("the log is %q, want %q", log, test.log)
			}
		})
	}
}

// CloudWatch's answer has no field that a line of the log does not have, so a cell moved into
// the column before it.
func TestTheRunbooksQueriesKeepTheirColumnsWhereAFieldIsMissing(t *testing.T) {
	s := openSite(t, "http://127.0.0.1:1")
	t.Setenv("AWS_DEFAULT_REGION", "eu-west-1")
	logs := &cloudWatchLogs{lines: []map[string]string{
		{"@timestamp": "2026-11-26 10:00:02.000", "level": "WARN", "trigger": "webhook", "msg": "signature refused", "error": "no valid signature"},
		{"@timestamp": "2026-11-26 10:00:01.000", "level": "ERROR", "trigger": "poller", "msg": "failed", "app": "shop", "configVar": "DATABASE_URL", "secret": "shop/db", "error": "it is empty"},
		{"@timestamp": "2026-11-26 10:00:00.000", "level": "WARN", "trigger": "poller", "msg": "subscription", "app": "blog", "error": "the app has 10 webhooks"},
	}}
	server := httptest.NewServer(logs)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", server.URL)
	functions := "sleep() { :; }\n" + pasted(t)
	for name, test := range map[string]struct{ shell, query, want string }{
		"fields of the errors": {"bash", "fields @timestamp, level, trigger, msg, app, configVar, secret, error | filter level in [\"WARN\", \"ERROR\"]",
			"2026-11-26 10:00:02.000\tWARN\twebhook\tsignature refused\tNone\tNone\tNone\tno valid signature\n" +
				"2026-11-26 10:00:01.000\tERROR\tpoller\tfailed\tshop\tDATABASE_URL\tshop/db\tit is empty\n" +
				"2026-11-26 10:00:00.000\tWARN\tpoller\tsubscription\tblog\tNone\tNone\tthe app has 10 webhooks\n"},
		"in another shell": {"sh", "fields app,error|limit 3", "None\tno valid signature\nshop\tit is empty\nblog\tthe app has 10 webhooks\n"},
		"a sum":            {"bash", "filter msg = \"failed\" | stats count() by bin(5m)", "2026-11-26 10:00:00.000\t3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			logs.running = 2
			s.write("run.sh", functions+"ask '"+test.query+"'\n")
			cmd := exec.CommandContext(t.Context(), test.shell, "run.sh")
			cmd.Dir = s.folder
			out, err := cmd.Output()
			if err != nil || string(out) != test.want {
				t.Errorf("%v, and it wrote\n%s\nwant\n%s", err, out, test.want)
			}
			if logs.query != test.query {
				t.Errorf("CloudWatch was asked %q", logs.query)
			}
		})
	}
}

// cloudWatchLogs answers one query at a time with all of its lines, in CloudWatch's form
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html).
type cloudWatchLogs struct {
	lines   []map[string]string
	query   string
	running int // how many further answers come before the query is complete
}

func (c *cloudWatchLogs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	type field struct {
		Field string `json:"field"`
		Value string `json:"value"`
	}
	answer := map[string]any{"queryId": "query-1"}
	switch r.Header.Get("X-Amz-Target") {
	case "Logs_20140328.StartQuery":
		var in struct{ QueryString string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		c.query = in.QueryString
	case "Logs_20140328.GetQueryResults":
		results := [][]field{}
		named, hasFields := strings.CutPrefix(c.query, "fields ")
		named, _, _ = strings.Cut(named, "|")
		for _, line := range c.lines {
			row := []field{}
			for name := range strings.SplitSeq(named, ",") {
				if name = strings.TrimSpace(name); line[name] != "" {
					row = append(row, field{name, line[name]})
				}
			}
			results = append(results, append(row, field{"@ptr", "EXAMPLE"}))
		}
		if !hasFields {
			results = [][]field{{{"bin(5m)", "2026-11-26 10:00:00.000"}, {"count()", fmt.Sprint(len(c.lines))}}}
		}
		switch c.running {
		case 0:
			answer = map[string]any{"status": "Complete", "results": results}
		case 1:
			answer = map[string]any{"status": "Running", "results": results[:1]}
		default:
			answer = map[string]any{"status": "Scheduled", "results": [][]field{}}
		}
		c.running = max(0, c.running-1)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer)
}
