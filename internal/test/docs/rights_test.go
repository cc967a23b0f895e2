package docs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// iamServices are how the policies of IAM call the services of the template's resources.
var iamServices = map[string][]string{
	"ApiGatewayV2":   {"apigateway"},
	"CloudWatch":     {"cloudwatch"},
	"Events":         {"events"},
	"IAM":            {"iam"},
	"Logs":           {"logs"},
	"SNS":            {"sns"},
	"SQS":            {"sqs"},
	"SecretsManager": {"secretsmanager"},
	"Serverless":     {"lambda", "apigateway", "scheduler", "cloudformation", "s3"},
	"StepFunctions":  {"states"},
}

// Nobody has tried the policy on AWS. This finds a service that it forgets: one that the
// template uses and no statement allows, or one that is allowed without a resource.
func TestTheRightsToDeployCoverEachServiceOfTheTemplate(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(pages(t)["docs/deploy.md"], "\n## The rights to deploy\n")
	_, block, _ := strings.Cut(section, "```json\n")
	block, _, _ = strings.Cut(block, "```")
	var policy struct {
		Statement []struct {
			Effect   string
			Action   []string
			Resource any
		}
	}
	if err := json.Unmarshal([]byte(block), &policy); err != nil || len(policy.Statement) != 2 || policy.Statement[0].Effect != "Allow" || policy.Statement[1].Effect != "Allow" {
		t.Fatalf("%d statements, %v", len(policy.Statement), err)
	}
	var named []string // the services of the ARNs in the first statement
	arns, _ := policy.Statement[0].Resource.([]any)
	for _, arn := range arns {
		text, _ := arn.(string)
		if parts := strings.Split(text, ":"); len(parts) > 5 {
			named = append(named, parts[2])
		}
	}
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`(?m)^    Type: AWS::(\w+)::`).FindAllStringSubmatch(string(template), -1) {
		services := iamServices[found[1]]
		if len(services) == 0 {
			t.Errorf("iamServices does not know AWS::%s", found[1])
		}
		for _, service := range services {
			if !slices.Contains(policy.Statement[0].Action, service+":*") || !slices.Contains(named, service) {
				t.Errorf("the policy does not allow %s:* on a resource, and the template has an AWS::%s", service, found[1])
			}
		}
	}
}
