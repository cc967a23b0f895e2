package lambdatest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEnvironmentIsWhatWasGivenAndWhatLambdaAdds(t *testing.T) {
	t.Parallel()
	f := start(t, Config{Name: "notary", Timeout: time.Minute,
		Env: []string{"TOWN=Delft", "AWS_REGION=eu-west-1", "TZ=Europe/Berlin", "_HANDLER=mine"}})
	result, err := f.Invoke(t.Context(), deed("describe", ""))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Request, Function, Trace string
		Deadline                 time.Time
		Environ                  []string
	}
	if err := json.Unmarshal(result, &got); err != nil {
		t.Fatal(err)
	}
	keys := []string{}
	for _, entry := range got.Environ {
		key, _, _ := strings.Cut(entry, "=")
		keys = append(keys, key)
	}
	slices.Sort(keys)
	want := []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LANG", "PATH", "TOWN", "TZ",
		"_HANDLER", "_X_AMZN_TRACE_ID"}
	if !slices.Equal(keys, want) {
		t.Errorf("the environment has\n%q, want\n%q", keys, want)
	}
	for _, entry := range []string{"TOWN=Delft", "AWS_REGION=eu-west-1", "TZ=Europe/Berlin", "_HANDLER=bootstrap",
		"AWS_LAMBDA_FUNCTION_NAME=notary", "_X_AMZN_TRACE_ID=" + got.Trace} {
		if !slices.Contains(got.Environ, entry) {
			t.Errorf("the environment lacks %s", entry)
		}
	}
	if left := time.Until(got.Deadline); left <= 0 || left > time.Minute {
		t.Errorf("the deadline is %s away", left)
	}
	if !strings.HasSuffix(got.Function, ":function:notary") || !strings.HasPrefix(got.Trace, "Root=1-") || len(got.Request) != 36 {
		t.Errorf("the invocation knows %q, %q, %q", got.Function, got.Trace, got.Request)
	}
}
