package template_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"

	"keepcurrent.example/internal/testserver/mototest"
	"keepcurrent.example/internal/testserver/tool"
)

// errAbsent says that a tool is not installed.
var errAbsent = errors.New("not installed")

// translated is what the AWS CLI and the SAM transform make of the template, for each set
// of parameters. Both are slow to start, so all tests share one run of each.
var translated = sync.OnceValues(func() (map[string]map[string]any, error) {
	packaged, err := packageTemplate()
	if err != nil {
		return nil, err
	}
	return translate(packaged)
})

// deployed returns a stack of each set of parameters, as CloudFormation would make it.
func deployed(t *testing.T) map[string]*stack {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes several seconds")
	}
	templates, err := translated()
	if errors.Is(err, errAbsent) {
		tool.Missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	stacks := make(map[string]*stack)
	for name, template := range templates {
		stacks[name] = newStack(t, template, sets[name])
	}
	return stacks
}

// packageTemplate has the AWS CLI put the zips into a bucket of moto's S3, as `make deploy`
// does, and returns the template that names them.
func packageTemplate() (packaged map[string]any, err error) {
	for _, tool := range []string{"aws", "moto_server"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is %w", tool, errAbsent)
		}
	}
	dir, err := os.MkdirTemp("", "keepcurrent-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return nil, err
	}
	for name, content := range map[string]string{
		"template.yaml": string(text), "build/release/webhook-arm64.zip": "webhook", "build/release/poller-arm64.zip": "poller",
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o600)); err != nil {
			return nil, err
		}
	}
	s3, stop, err := mototest.Open()
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := makeBucket(s3 + "/artifacts"); err != nil {
		return nil, err
	}
	cli := exec.Command("aws", "cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", "artifacts", "--output-template-file", "packaged.yaml")
	cli.Dir = dir
	cli.Env = append(without("AWS_"), "AWS_ENDPOINT_URL="+s3, "AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=EXAMPLE",
		"AWS_SECRET_ACCESS_KEY=EXAMPLE", "AWS_CONFIG_FILE="+filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(dir, "none"))
	if out, err := cli.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("aws cloudformation package: %w: %s", err, out)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "packaged.yaml")); err != nil {
		return nil, err
	}
	return packaged, yaml.Unmarshal(text, &packaged)
}

func makeBucket(url string) error {
	// us-east-1 would take no constraint.
	body := strings.NewReader("<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>")
	request, err := http.NewRequest(http.MethodPut, url, body)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("making a bucket: %s", response.Status)
	}
	return nil
}

// translate runs the SAM transform once for all sets.
func translate(packaged map[string]any) (map[string]map[string]any, error) {
	python, err := samPython()
	if err != nil {
		return nil, err
	}
	var names []string
	var values []settings
	for name, set := range sets {
		names, values = append(names, name), append(values, set)
	}
	job, err := json.Marshal(map[string]any{"template": packaged, "sets": values})
	if err != nil {
		return nil, err
	}
	var errText bytes.Buffer
	cmd := exec.Command(python, filepath.Join("testdata", "translate.py"))
	cmd.Env = append(without("AWS_"), "AWS_DEFAULT_REGION=eu-west-1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(job), &errText
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the SAM transform: %w: %s", err, &errText)
	}
	var templates []map[string]any
	if err := json.Unmarshal(out, &templates); err != nil {
		return nil, fmt.Errorf("the SAM transform: %w", err)
	}
	all := make(map[string]map[string]any)
	for i, name := range names {
		all[name] = templates[i]
	}
	return all, nil
}

// samPython is the Python that runs cfn-lint, which has samtranslator for a part.
func samPython() (string, error) {
	script, err := exec.LookPath("cfn-lint")
	if err != nil {
		return "", fmt.Errorf("cfn-lint is %w", errAbsent)
	}
	// pyenv puts a script of its own before it.
	if real, err := exec.Command("pyenv", "which", "cfn-lint").Output(); err == nil {
		script = strings.TrimSpace(string(real))
	}
	text, err := os.ReadFile(script)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	python, isScript := strings.CutPrefix(line, "#!")
	if !isScript || !strings.Contains(filepath.Base(python), "python") {
		return "", fmt.Errorf("a Python that runs %s is %w", script, errAbsent)
	}
	return python, nil
}
