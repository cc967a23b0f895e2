package tool_test

import (
	"testing"

	"keepcurrent.example/internal/testserver/tool"
)

// verdict is a test that only notes how it ends.
type verdict struct {
	testing.TB
	is string
}

func (v *verdict) Helper()      {}
func (v *verdict) Fatal(...any) { v.is = "failed" }
func (v *verdict) Skip(...any) {
	if v.is == "" {
		v.is = "skipped"
	}
}

func TestAMissingToolFailsTheTestWhereToolsAreRequired(t *testing.T) {
	for required, want := range map[string]string{"": "skipped", "1": "failed"} {
		t.Setenv("KEEPCURRENT_REQUIRE_TOOLS", required)
		v := &verdict{TB: t}
		tool.Path(v, "keepcurrent-EXAMPLE-none")
		if v.is != want {
			t.Errorf("with %q the test is %s, want %s", required, v.is, want)
		}
	}
}

func TestAToolThatIsThereIsFound(t *testing.T) {
	t.Parallel()
	v := &verdict{TB: t}
	if path := tool.Path(v, "sh"); path == "" || v.is != "" {
		t.Errorf("the path is %q, and the test %s", path, v.is)
	}
}
