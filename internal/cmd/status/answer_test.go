package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

func TestWhatIsNoPlanIsExplained(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, input, want string
	}{
		{"nothing", "", "stdin is empty"},
		{"no JSON", "An error occurred (AccessDeniedException)", "no answer of the poller: invalid character 'A'"},
		{"half of it", dryRun(shopOK)[:99], "no answer of the poller: unexpected EOF"},
		{"another shape", `{"dryRun":true,"plan":"none"}`, "no answer of the poller"},
		{"null", `null`, "no answer to a dry run"},
		{"the CLI's own output alone", `{"StatusCode":200}`, "a redirection of /dev/stdout loses it"},
		{"a round", `{"dryRun":false,"bindings":1,"published":1}`, "no answer to a dry run"},
		{"an older poller", `{"dryRun":true,"bindings":4,"unchanged":4}`, "counts 4 bindings and its plan has 0: it is cut off, or the poller is older"},
		{"a plan with holes", `{"dryRun":true,"bindings":4,"plan":[` + shopOK + `]}`, "counts 4 bindings and its plan has 1"},
		{"a function error", `{"errorMessage":"listing the secrets\u001b[2J: denied","errorType":"wrapError"}`,
			"the poller failed: listing the secrets\uFFFD[2J: denied (wrapError)"},
		{"a timeout", `{"errorMessage":"Task timed out after 300.00 seconds"}`, "Task timed out after 300.00 seconds (no type given)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := invoke(test.input)
			if !strings.HasPrefix(stderr, "status: ") || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("stderr %q, want one line with %q", stderr, test.want)
			}
			if code != notAsked || stdout != "" {
				t.Errorf("exit code %d, want 2; stdout: %s", code, stdout)
			}
		})
	}
}

func TestNoControlCharacterReachesTheTerminal(t *testing.T) {
	t.Parallel()
	const hostile = "a\x00\x07\x08\x1b[2J\x1b]0;owned\x07\r\n\tb\x7f\u0085\u009b31m\u2028\u200b\u202eevil\u2066\ufeff\xff"
	spell, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	bad := `{"app":S,"configVar":S,"secret":S,"outcome":O,"changes":[S],"logsIn":false,"error":S}`
	var plan []string
	for _, outcome := range []string{`"failed"`, `"held"`, `"published"`, `"off"`, "S"} {
		plan = append(plan, strings.ReplaceAll(strings.ReplaceAll(bad, "O", outcome), "S", string(spell)))
	}
	answer := strings.TrimSuffix(dryRun(plan...), "}") + strings.ReplaceAll(`,"subscriptions":[{"app":S,"state":S},{"app":S,"error":S}]}`, "S", string(spell))
	for want, input := range map[int]string{needsYou: answer, notAsked: strings.ReplaceAll(`{"errorType":S,"errorMessage":S}`, "S", string(spell))} {
		stdout, stderr, code := invoke(input)
		if code != want {
			t.Errorf("exit code %d: %s", code, stderr)
		}
		for _, r := range stdout + stderr {
			if !unicode.IsPrint(r) && r != '\n' {
				t.Errorf("%U is printed", r)
			}
		}
	}
}
