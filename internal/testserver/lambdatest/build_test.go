package lambdatest

import (
	"strings"
	"testing"
)

func TestBuildErrorsCarryTheCompilersWords(t *testing.T) {
	t.Parallel()
	_, err := Build(t.Context(), t.TempDir(), "./testdata/nothing")
	if err == nil || !strings.Contains(err.Error(), "directory not found") {
		t.Errorf("got error %v", err)
	}
}
