package docs_test

import (
	"strings"
	"testing"
)

// With the first right alone, AWS's CSI driver and its cache for Go read a secret once or not
// at all.
func TestAPageThatLetsAWorkloadReadLetsItDescribe(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for _, page := range []string{"README.md", "docs/runbook.md", "docs/consumers.md", "docs/terraform.md", "docs/consumers-go.md"} {
		get, describe := strings.Count(all[page], "secretsmanager:GetSecretValue"), strings.Count(all[page], "secretsmanager:DescribeSecret")
		if get == 0 || describe < get {
			t.Errorf("%s names secretsmanager:GetSecretValue %d times, and secretsmanager:DescribeSecret %d times", page, get, describe)
		}
	}
}
