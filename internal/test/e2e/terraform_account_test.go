package e2e_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"gopkg.in/yaml.v3"

	"keepcurrent.example/internal/testserver/mototest"
	"keepcurrent.example/internal/testserver/secretstest"
)

// terraformAccount is an account for Terraform's AWS provider. CloudFormation is a stand-in,
// because moto's knows neither the SAM transform nor half of the template's resources. It
// makes no resources: it checks what a stack is asked for, and gives the stack its outputs.
type terraformAccount struct {
	t       *testing.T
	moto    string
	secrets *secretstest.Server
	server  *httptest.Server

	mu     sync.Mutex // guards what follows
	stacks map[string]*terraformStack
}

// terraformStack is a stack that works.
type terraformStack struct {
	status, bucket string
	parameters     map[string]string
	zips           []string // bucket and key
	outputs        []string
}

func startTerraformAccount(t *testing.T) *terraformAccount {
	t.Helper()
	a := &terraformAccount{t: t, moto: mototest.Start(t), secrets: secretstest.NewServer(), stacks: make(map[string]*terraformStack)}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	t.Cleanup(a.secrets.Close)
	return a
}

// endpoints are for startProvider.
func (a *terraformAccount) endpoints() []string {
	return []string{"CLOUDFORMATION=" + a.server.URL, "SECRETS_MANAGER=" + a.secrets.URL,
		"S3=" + a.moto, "IAM=" + a.moto, "EVENTBRIDGE=" + a.moto, "ECS=" + a.moto}
}

func (a *terraformAccount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = r.ParseForm()
	action := r.Form.Get("Action")
	body, err := a.answer(action, r.Form)
	w.Header().Set("Content-Type", "text/xml")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>%s</Message></Error></ErrorResponse>`, err)
		return
	}
	fmt.Fprintf(w, `<%[1]sResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, body)
}

const stackARN = "arn:aws:cloudformation:eu-west-1:123456789012:stack/"

func (a *terraformAccount) answer(action string, form url.Values) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(form.Get("StackName"), stackARN), "/1")
	id := stackARN + name + "/1"
	stack := a.stacks[name]
	switch {
	case action == "CreateStack" && stack == nil:
		stack, err := a.ask(form)
		if err == nil {
			stack.status = "CREATE_COMPLETE"
			a.stacks[name] = stack
		}
		return `<StackId>` + id + `</StackId>`, err
	case stack == nil:
		return "", fmt.Errorf("Stack with id %s does not exist", name)
	case action == "UpdateStack":
		// CloudFormation needs them if the update fails.
		for _, zip := range stack.zips {
			if _, err := a.object(zip); err != nil {
				return "", err
			}
		}
		stack, err := a.ask(form)
		if err == nil {
			stack.status = "UPDATE_COMPLETE"
			a.stacks[name] = stack
		}
		return `<StackId>` + id + `</StackId>`, err
	case action == "DeleteStack":
		delete(a.stacks, name)
		return "", nil
	case action == "GetTemplate":
		return `<TemplateBody>Resources: {}</TemplateBody>`, nil
	case action == "DescribeStacks":
		return stack.described(id, name), nil
	}
	return "", fmt.Errorf("the stand-in does not know %s", action)
}

func (s *terraformStack) described(id, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<Stacks><member><StackId>%s</StackId><StackName>%s</StackName><CreationTime>2026-11-26T00:00:00Z</CreationTime><StackStatus>%s</StackStatus>`, id, name, s.status)
	b.WriteString(`<Capabilities><member>CAPABILITY_IAM</member><member>CAPABILITY_AUTO_EXPAND</member></Capabilities><Parameters>`)
	for key, value := range s.parameters {
		fmt.Fprintf(&b, `<member><ParameterKey>%s</ParameterKey><ParameterValue>%s</ParameterValue></member>`, key, value)
	}
	b.WriteString(`</Parameters><Outputs>`)
	for _, key := range s.outputs {
		fmt.Fprintf(&b, `<member><OutputKey>%s</OutputKey><OutputValue>%[1]s of %s</OutputValue></member>`, key, name)
	}
	b.WriteString(`</Outputs></member></Stacks>`)
	return b.String()
}

var (
	templateURL = regexp.MustCompile(`^https://([a-z0-9-]+)\.s3\.eu-west-1\.amazonaws\.com/(.+)$`)
	codeURI     = regexp.MustCompile(`^s3://(.+)$`)
)

// ask returns the stack that a request asks for. What AWS refuses it refuses: a template or
// a zip that is not in the bucket, an unknown parameter, a right that was not given.
func (a *terraformAccount) ask(form url.Values) (*terraformStack, error) {
	found := templateURL.FindStringSubmatch(form.Get("TemplateURL"))
	if found == nil {
		return nil, fmt.Errorf("TemplateURL %q is not in a bucket of the Region", form.Get("TemplateURL"))
	}
	text, err := a.object(found[1] + "/" + found[2])
	if err != nil {
		return nil, err
	}
	var template struct {
		Parameters map[string]any `yaml:"Parameters"`
		Outputs    map[string]struct {
			Condition string `yaml:"Condition"`
		} `yaml:"Outputs"`
		Resources map[string]struct {
			Properties struct {
				CodeURI string `yaml:"CodeUri"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	// yaml.v3 reads what is tagged !Ref and the like as its plain value.
	if err := yaml.Unmarshal([]byte(text), &template); err != nil {
		return nil, err
	}
	stack := &terraformStack{bucket: found[1], parameters: make(map[string]string)}
	for _, id := range []string{"WebhookFunction", "PollerFunction"} {
		zip := codeURI.FindStringSubmatch(template.Resources[id].Properties.CodeURI)
		if zip == nil {
			return nil, fmt.Errorf("CodeUri of %s is %q", id, template.Resources[id].Properties.CodeURI)
		}
		stack.zips = append(stack.zips, zip[1])
		if _, err := a.object(zip[1]); err != nil {
			return nil, err
		}
	}
	for i := 1; form.Has(fmt.Sprintf("Parameters.member.%d.ParameterKey", i)); i++ {
		key := form.Get(fmt.Sprintf("Parameters.member.%d.ParameterKey", i))
		if _, ok := template.Parameters[key]; !ok {
			return nil, fmt.Errorf("Parameters: [%s] do not exist in the template", key)
		}
		stack.parameters[key] = form.Get(fmt.Sprintf("Parameters.member.%d.ParameterValue", i))
	}
	for key, output := range template.Outputs {
		if output.Condition == "" {
			stack.outputs = append(stack.outputs, key)
		}
	}
	given := []string{form.Get("Capabilities.member.1"), form.Get("Capabilities.member.2")}
	slices.Sort(given)
	if !slices.Equal(given, []string{"CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"}) {
		return nil, fmt.Errorf("the capabilities are %q", given)
	}
	return stack, nil
}

// ofS3 returns moto's answer. It checks no signature, but there must be one.
func (a *terraformAccount) ofS3(method, path, body string) (string, error) {
	req, err := http.NewRequest(method, a.moto+"/"+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=EXAMPLE/20261126/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=EXAMPLE")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("S3 answers %s to %s %s", answer.Status, method, path)
	}
	return string(text), err
}

// object returns an object by its bucket and key.
func (a *terraformAccount) object(name string) (string, error) {
	return a.ofS3(http.MethodGet, name, "")
}

func (a *terraformAccount) get(path string) string {
	a.t.Helper()
	text, err := a.object(path)
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

func (a *terraformAccount) makeBucket(name string) {
	a.t.Helper()
	_, err := a.ofS3(http.MethodPut, name, `<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`)
	if err != nil {
		a.t.Fatal(err)
	}
}

// hasStack fails the test unless the stack has these parameters and the zips of a version.
func (a *terraformAccount) hasStack(name string, parameters map[string]string, version string) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	stack := a.stacks[name]
	if stack == nil {
		a.t.Fatalf("there is no stack %s", name)
	}
	if !maps.Equal(stack.parameters, parameters) {
		a.t.Errorf("the parameters of %s are %v, want %v", name, stack.parameters, parameters)
	}
	for i, function := range []string{"webhook", "poller"} {
		if got, err := a.object(stack.zips[i]); got != function+" of "+version {
			a.t.Errorf("%s runs %q as its %s, %v", name, got, function, err)
		}
	}
}

func (a *terraformAccount) bucketOf(stack string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stacks[stack].bucket
}

func (a *terraformAccount) forget(stack string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.stacks, stack)
}

func (a *terraformAccount) names() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.stacks))
}

func (a *terraformAccount) describe(secret string) *secretsmanager.DescribeSecretOutput {
	a.t.Helper()
	out, err := a.secrets.Client().DescribeSecret(a.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}
