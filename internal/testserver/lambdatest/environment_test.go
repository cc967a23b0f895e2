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
		Env: []string{"TOWN=Delft", "AWS_REGION=eu-west-1", "AWS_LAMBDA_FUNCTION_NAME=mine"}})
	result, err := f.Invoke(t.Context(), deed("describe", ""))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Request, Function string
		Deadline          time.Time
		Environ           []string
	}
	if err := json.Unmarshal(result, &got); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got.Environ)
	api := slices.IndexFunc(got.Environ, func(entry string) bool { return strings.HasPrefix(entry, "AWS_LAMBDA_RUNTIME_API="+f.host+"/") })
	if api < 0 {
		t.Fatalf("the environment has no address of the Runtime API: %q", got.Environ)
	}
	want := []string{"AWS_LAMBDA_FUNCTION_NAME=notary", "AWS_REGION=eu-west-1", "TOWN=Delft", "TZ=:UTC",
		"_X_AMZN_TRACE_ID="} // the last one comes from the runtime client
	if others := slices.Delete(got.Environ, api, api+1); !slices.Equal(others, want) {
		t.Errorf("the environment is\n%q, want\n%q", others, want)
	}
	if left := time.Until(got.Deadline); left <= 0 || left > time.Minute {
		t.Errorf("the deadline is %s away", left)
	}
	if !strings.HasSuffix(got.Function, ":function:notary") || len(got.Request) != 36 {
		t.Errorf("the invocation knows %q, %q", got.Function, got.Request)
	}
}
