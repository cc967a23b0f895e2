package template_test

import (
	"bytes"
	"embed"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/npm"
	"keepcurrent.example/internal/testserver/tool"
)

// call is a request to AWS, and whether the policies must allow it.
type call struct {
	name    string // of the resource, for people
	role    string
	action  string
	on      string // an ARN
	context map[string]string
	allowed bool
}

// What the functions do with a secret's value. They list and describe every secret, which
// shows no value.
var (
	nothing = []string{}
	read    = []string{"GetSecretValue"}
	keep    = []string{"GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"}
)

// never are what no stack may do to any secret, beside the calls that the functions make.
var never = []string{
	"CancelRotateSecret", "CreateSecret", "DeleteResourcePolicy", "DeleteSecret", "PutResourcePolicy", "RemoveRegionsFromReplication",
	"ReplicateSecretToRegions", "RestoreSecret", "RotateSecret", "StopReplicationToReplica", "TagResource", "UntagResource", "UpdateSecret",
}

// secret is a kind of secret, and what a stack may do with its value.
type secret struct {
	arn  string // default: one of the stack's account and Region
	tags map[string]string
	may  []string
}

const anySecretARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:any-AbCd12"

// secretsOf are kinds of secrets, by their name, as each stack must see them.
func secretsOf(s *stack) map[string]secret {
	bound := map[string]string{"heroku:app": "shop"}
	with := func(tags ...string) map[string]string {
		all := maps.Clone(bound)
		for _, tag := range tags {
			key, value, _ := strings.Cut(tag, "=")
			all[key] = value
		}
		return all
	}
	only := s.parameters["OnlyTag"].(string)
	ofStack := bound
	if only != "" {
		ofStack = with(only)
	}
	tokenARN, _ := s.property("WebhookFunction", "Environment", "Variables", "HEROKU_TOKEN_SECRET_ID").(string)
	all := map[string]secret{
		"bound":                       {tags: ofStack, may: keep},
		"bound, with more tags":       {tags: mapsUnion(ofStack, map[string]string{"heroku:format": "key", "owner": "web"}), may: keep},
		"unbound":                     {may: nothing},
		"with another tag":            {tags: map[string]string{"app": "shop"}, may: nothing},
		"with an empty tag":           {tags: mapsUnion(ofStack, map[string]string{"heroku:app": ""}), may: nothing},
		"with a longer tag":           {tags: map[string]string{"heroku:app-team": "shop"}, may: nothing},
		"bound in another account":    {arn: strings.Replace(anySecretARN, account, "999999999999", 1), tags: ofStack, may: nothing},
		"bound in another Region":     {arn: strings.Replace(anySecretARN, "eu-west-1", "us-east-1", 1), tags: ofStack, may: nothing},
		"of the token":                {arn: tokenARN, may: read},
		"of the token, tagged":        {arn: tokenARN, tags: ofStack, may: read},
		"of the signing key":          {arn: s.ref("SigningKey").(string), may: read},
		"of the signing key, tagged":  {arn: s.ref("SigningKey").(string), tags: ofStack, may: read},
		"of another stack's token":    {arn: strings.Replace(anySecretARN, "any", "OtherTokenSecret", 1), may: nothing},
		"whose ARN begins like token": {arn: tokenARN + "x", may: nothing},
		"that MoreSecretArns can name": {
			arn: moreSecret, may: nothing,
		},
	}
	if len(textsOf(s.parameters["MoreSecretArns"])[0]) > 0 {
		all["that MoreSecretArns can name"] = secret{arn: moreSecret, may: read}
		all["that MoreSecretArns names, tagged"] = secret{arn: moreSecret, tags: ofStack, may: read}
	}
	if only != "" {
		key, value, _ := strings.Cut(only, "=")
		all["bound for another stack"] = secret{tags: with(key + "=other"), may: nothing}
		all["bound for a stack with a longer value"] = secret{tags: with(only + "ping"), may: nothing}
		all["bound for a stack with an empty value"] = secret{tags: with(key + "="), may: nothing}
		all["bound for all stacks"] = secret{tags: bound, may: nothing}
		all["that has the stack's tag alone"] = secret{tags: map[string]string{key: value}, may: nothing}
	}
	return all
}

func mapsUnion(all ...map[string]string) map[string]string {
	union := make(map[string]string)
	for _, one := range all {
		maps.Copy(union, one)
	}
	return union
}

// callsOnSecrets are every call to Secrets Manager on every kind of secret.
func callsOnSecrets(s *stack) (calls []call) {
	add := func(name, action, arn string, tags map[string]string, allowed bool) {
		context := make(map[string]string)
		for key, value := range tags {
			context["aws:ResourceTag/"+key] = value
		}
		calls = append(calls, call{name: "a secret " + name, role: "Role", action: "secretsmanager:" + action, on: arn, context: context, allowed: allowed})
	}
	calls = append(calls,
		call{name: "all", role: "Role", action: "secretsmanager:ListSecrets", on: "*", allowed: true},
		call{name: "all", role: "Role", action: "secretsmanager:BatchGetSecretValue", on: "*"})
	for name, kind := range secretsOf(s) {
		arn := kind.arn
		if arn == "" {
			arn = anySecretARN
		}
		add(name, "DescribeSecret", arn, kind.tags, !strings.Contains(arn, ":999999999999:"))
		for _, action := range keep {
			add(name, action, arn, kind.tags, slices.Contains(kind.may, action))
		}
		for _, action := range never {
			add(name, action, arn, kind.tags, false)
		}
	}
	return calls
}

// callsWithKeys are the calls that Secrets Manager makes to KMS in the role's name.
func callsWithKeys(s *stack) (calls []call) {
	const foreign = "arn:aws:kms:eu-west-1:123456789012:key/99999999-9999-9999-9999-999999999999"
	given := textsOf(s.parameters["KmsKeyArn"])
	for _, key := range []string{keyOne, keyTwo, foreign} {
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt", "kms:CreateGrant", "kms:DescribeKey"} {
			for via, is := range map[string]bool{"secretsmanager.eu-west-1.amazonaws.com": true, "secretsmanager.us-east-1.amazonaws.com": false, "s3.eu-west-1.amazonaws.com": false, "": false} {
				c := call{name: "a key, by way of " + via, role: "Role", action: action, on: key, context: map[string]string{}}
				if via != "" {
					c.context["kms:ViaService"] = via
				}
				c.allowed = is && slices.Contains(given, key) && (action == "kms:Decrypt" || action == "kms:GenerateDataKey")
				calls = append(calls, c)
			}
		}
	}
	return calls
}

// callsOnTheRest are what Lambda, EventBridge, Scheduler and Step Functions do in the
// names of the stack's roles, and what they must not do.
func callsOnTheRest(s *stack) (calls []call) {
	add := func(role, action, on string, allowed bool) {
		calls = append(calls, call{name: on, role: role, action: action, on: on, allowed: allowed})
	}
	other := func(arn string) string { return strings.Replace(arn, "Webhook", "Other", 1) }
	for _, group := range []string{"WebhookLogs", "PollerLogs"} {
		stream := strings.TrimSuffix(s.attribute(group, "Arn").(string), "*") + "log-stream:a"
		for _, action := range []string{"logs:CreateLogStream", "logs:PutLogEvents"} {
			on := stream
			if action == "logs:CreateLogStream" {
				on = s.attribute(group, "Arn").(string)
			}
			add("Role", action, on, true)
			add("Role", action, strings.Replace(on, group, "other", 1), false)
		}
	}
	queue := s.attribute("CallQueue", "Arn").(string)
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		add("Role", action, queue, true)
		add("Role", action, queue+"2", false)
	}
	add("Role", "sqs:SendMessage", queue, false)
	traces := s.parameters["Tracing"] == "Active"
	add("Role", "xray:PutTraceSegments", "*", traces)
	add("Role", "xray:PutTelemetryRecords", "*", traces)
	inVPC := len(textsOf(s.parameters["SubnetIds"])[0]) > 0
	for action, on := range map[string]string{
		"ec2:CreateNetworkInterface": "arn:aws:ec2:eu-west-1:123456789012:network-interface/eni-0a", "ec2:DeleteNetworkInterface": "arn:aws:ec2:eu-west-1:123456789012:network-interface/eni-0a",
		"ec2:AssignPrivateIpAddresses": "arn:aws:ec2:eu-west-1:123456789012:network-interface/eni-0a", "ec2:UnassignPrivateIpAddresses": "arn:aws:ec2:eu-west-1:123456789012:network-interface/eni-0a",
		"ec2:DescribeNetworkInterfaces": "*", "ec2:DescribeSubnets": "*",
	} {
		add("Role", action, on, inVPC)
		calls = append(calls, call{
			name: on + ", by the code of a function", role: "Role", action: action, on: on,
			context: map[string]string{"lambda:SourceFunctionArn": s.attribute("WebhookFunction", "Arn").(string)},
		})
	}
	add("Role", "iam:PassRole", "arn:aws:iam::123456789012:role/any", false)
	add("PollerFunctionTickRole", "lambda:InvokeFunction", s.attribute("PollerFunction", "Arn").(string), true)
	add("PollerFunctionTickRole", "lambda:InvokeFunction", other(s.attribute("WebhookFunction", "Arn").(string)), false)
	if s.parameters["RestartEcsService"] != "" {
		service := "arn:aws:ecs:eu-west-1:123456789012:service/prod/web"
		add("RestartMachineRole", "ecs:UpdateService", service, true)
		add("RestartMachineRole", "ecs:UpdateService", service+"2", false)
		add("RestartMachineRole", "ecs:DeleteService", service, false)
		add("RestartRuleRole", "states:StartExecution", s.ref("RestartMachine").(string), true)
		add("RestartRuleRole", "states:StartExecution", s.ref("RestartMachine").(string)+"2", false)
	}
	return calls
}

// simulation is what the simulator takes.
func (s *stack) simulation(c call) map[string]any {
	owner := account
	if fields := strings.Split(c.on, ":"); len(fields) > 4 && fields[4] != "" {
		owner = fields[4]
	}
	simulation := map[string]any{
		"request": map[string]any{
			"principal": s.attribute(c.role, "Arn"), "action": c.action, "contextVariables": mapsUnion(c.context),
			"resource": map[string]string{"resource": c.on, "accountId": owner},
		},
		"identityPolicies": s.policies(c.role), "serviceControlPolicies": []any{}, "resourceControlPolicies": []any{},
	}
	if strings.HasPrefix(c.action, "kms:") { // the policy that a key has unless somebody changes it
		simulation["resourcePolicy"] = map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Allow", "Principal": map[string]string{"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*",
		}}}
	}
	return simulation
}

//go:embed testdata/simulator
var simulator embed.FS

// simulate decides all calls of the tests in one process.
func simulate(t *testing.T, simulations []map[string]any) (decisions []string) {
	t.Helper()
	node := tool.Path(t, "node")
	source, err := fs.Sub(simulator, "testdata/simulator")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := npm.Install(t.Context(), "iam-simulator", source, func(string) error { return nil })
	if err != nil {
		tool.Missing(t, "the IAM simulator: ", err)
	}
	job, err := json.Marshal(simulations)
	if err != nil {
		t.Fatal(err)
	}
	// The program is this checkout's: what npm installed is kept by its lock file alone.
	program, err := fs.ReadFile(source, "simulate.mjs")
	if err != nil {
		t.Fatal(err)
	}
	var errText bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, "--input-type=module", "--eval", string(program))
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(job), &errText
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &decisions)
	}
	if err != nil || len(decisions) != len(simulations) {
		t.Fatalf("%d decisions, %v: %s", len(decisions), err, &errText)
	}
	return decisions
}

// The rights are read here by a simulator of IAM that others wrote, from what the SAM
// transform makes. The tables above say what must be allowed, and nothing else may be.
func TestEveryCallIsAllowedWhereItMustBeAndNowhereElse(t *testing.T) {
	t.Parallel()
	var simulations []map[string]any
	var calls []call
	var of []string
	stacks := deployed(t)
	for _, name := range []string{"nothing said", "secrets of one's", "a VPC", "a tag", "keys", "another secret's", "everything"} {
		s := stacks[name]
		for _, c := range slices.Concat(callsOnSecrets(s), callsWithKeys(s), callsOnTheRest(s)) {
			simulations, calls, of = append(simulations, s.simulation(c)), append(calls, c), append(of, name)
		}
	}
	allowed := 0
	for i, decision := range simulate(t, simulations) {
		c := calls[i]
		if decision == "Allowed" {
			allowed++
		}
		if strings.HasPrefix(decision, "error") || (decision == "Allowed") != c.allowed {
			t.Errorf("with %s: %s, %s on %s (%s) with %v: %s", of[i], c.role, c.action, c.name, c.on, c.context, decision)
		}
	}
	t.Logf("%d calls, %d of them allowed", len(calls), allowed)
}

// A call that the functions begin to make needs a row in the table of rights.
func TestTheTableOfRightsHasEveryCallOfTheFunctions(t *testing.T) {
	t.Parallel()
	made := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(root, "internal", "secrets"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range regexp.MustCompile(`\.Client\.(\w+)\(|secretsmanager\.New(\w+)Paginator`).FindAllStringSubmatch(string(text), -1) {
			made[found[1]+found[2]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	mustBeSet(t, "calls", slices.Collect(maps.Keys(made)), append([]string{"ListSecrets", "DescribeSecret"}, keep...))
}
