package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
	"gopkg.in/yaml.v3"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// keys are those of a secret: of heroku/shop/settings, which holds others beside two URLs,
// or of one in the JSON format that has the config var's name.
func keys(t *testing.T, name string) map[string]any {
	t.Helper()
	u, err := connection.Parse(credential.New("postgres://user:EXAMPLE@db.example:5432/shop"))
	if err != nil {
		t.Fatal(err)
	}
	value, err := u.JSON(name)
	if name == "settings" {
		value = credential.New(`{"STRIPE":"EXAMPLE"}`)
		for _, key := range []string{"DATABASE_URL", "REDIS_URL"} {
			if err == nil {
				value, err = connection.With(value, key, u.Text())
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(value.Reveal()), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

const taskDefinition = recipes + "/ecs-task-definition.json"

// valueFrom is as ECS documents it: ARN:json-key:version-stage:version-id, or the ARN
// alone (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html).
var valueFrom = regexp.MustCompile(`^arn:aws:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:heroku/shop/(\w+)-\w{6}(:(\w+):(\w*):([\w-]*))?$`)

func TestTaskDefinitionTakesWhatTheSecretHolds(t *testing.T) {
	t.Parallel()
	var task struct {
		ContainerDefinitions []struct {
			Secrets []struct{ Name, ValueFrom string }
		}
	}
	if err := json.Unmarshal([]byte(contents(t, taskDefinition)), &task); err != nil {
		t.Fatal(err)
	}
	var whole, single int
	for _, secret := range task.ContainerDefinitions[0].Secrets {
		m := valueFrom.FindStringSubmatch(secret.ValueFrom)
		if m == nil {
			t.Errorf("%s: %q is not as ECS documents it", secret.Name, secret.ValueFrom)
			continue
		}
		name, reference, key, version := m[1], m[2], m[3], m[4]+m[5]
		if reference == "" {
			whole++
			continue
		}
		single++
		if _, ok := keys(t, name)[key]; !ok {
			t.Errorf("%s: the secret has no key %q", secret.Name, key)
		}
		if version != "" {
			t.Errorf("%s: it would stay at a version", secret.Name)
		}
	}
	if whole == 0 || single == 0 {
		t.Errorf("it shows %d whole secrets and %d single keys", whole, single)
	}
}

const (
	beanstalkOptions = recipes + "/elastic-beanstalk-options.json"
	reloaderTargets  = recipes + "/external-secrets-reloader-targets.json"
)

// botocore has the API descriptions that AWS publishes.
func TestRecipesAreWhatTheAPIsOfAWSTake(t *testing.T) {
	t.Parallel()
	const check = `
import json, sys, botocore.session, botocore.validate
service, operation, parameter = sys.argv[1:]
shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
text = json.load(sys.stdin)
sys.exit(botocore.validate.ParamValidator().validate(text, shape.members[parameter] if parameter else shape).generate_report() or 0)
`
	for _, tt := range []struct{ file, service, operation, parameter string }{
		{taskDefinition, "ecs", "RegisterTaskDefinition", ""},
		{beanstalkOptions, "elasticbeanstalk", "UpdateEnvironment", "OptionSettings"},
		{reloaderTargets, "events", "PutTargets", "Targets"},
	} {
		t.Run(path.Base(tt.file), func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), python(t, "botocore"), "-c", check, tt.service, tt.operation, tt.parameter)
			cmd.Stdin = strings.NewReader(contents(t, tt.file))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

var awsCommand = regexp.MustCompile(`(?m)^aws (?:.*\\\n)*.*$`)

func TestAWSCommandsOfTheConsumerPagesExist(t *testing.T) {
	t.Parallel()
	const check = `
import shlex, sys, botocore.session
from botocore import xform_name
_, service, operation, *options = shlex.split(sys.stdin.read().replace("\\\n", " "))
model = botocore.session.get_session().get_service_model(service)
shape = next(model.operation_model(name).input_shape for name in model.operation_names if xform_name(name, "-") == operation)
unknown = {o[2:] for o in options if o.startswith("--")} - {xform_name(name, "-") for name in shape.members}
sys.exit(f"no such options: {unknown}" if unknown else 0)
`
	interpreter := python(t, "botocore")
	ran := 0
	for _, page := range []string{"consumers.md", "consumers-aws.md"} {
		for _, block := range fenced.FindAllString(contents(t, "../../../docs/"+page), -1) {
			for _, command := range awsCommand.FindAllString(block, -1) {
				ran++
				cmd := exec.CommandContext(t.Context(), interpreter, "-c", check)
				cmd.Stdin = strings.NewReader(command)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %s: %v: %s", page, command, err, out)
				}
			}
		}
	}
	if ran < 5 {
		t.Errorf("only %d commands were found", ran)
	}
}

// environmentSecret is the ARN of a secret, or the ARN and a key
// (https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/AWSHowTo.secrets.env-vars.html).
var environmentSecret = regexp.MustCompile(`^arn:aws:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:heroku/shop/(\w+)-\w{6}(?::(\w+))?$`)

func TestBeanstalkOptionsTakeWhatTheSecretHolds(t *testing.T) {
	t.Parallel()
	var options []struct{ Namespace, OptionName, Value string }
	if err := json.Unmarshal([]byte(contents(t, beanstalkOptions)), &options); err != nil {
		t.Fatal(err)
	}
	for _, option := range options {
		m := environmentSecret.FindStringSubmatch(option.Value)
		if m == nil || option.Namespace != "aws:elasticbeanstalk:application:environmentsecrets" {
			t.Errorf("%+v is not as Elastic Beanstalk documents it", option)
			continue
		}
		if _, ok := keys(t, m[1])[m[2]]; m[2] != "" && !ok {
			t.Errorf("%s: the secret has no key %q", option.OptionName, m[2])
		}
	}
}

// manifest is a document of a YAML file.
type manifest struct {
	Metadata struct {
		Name        string
		Annotations map[string]string
	}
	Spec yaml.Node
}

type deployment struct {
	Template struct {
		Spec struct {
			Containers []struct {
				EnvFrom []struct {
					SecretRef struct{ Name string } `yaml:"secretRef"`
				} `yaml:"envFrom"`
				VolumeMounts []struct{ Name string } `yaml:"volumeMounts"`
			}
			Volumes []struct {
				Name string
				CSI  struct {
					VolumeAttributes map[string]string `yaml:"volumeAttributes"`
				}
			}
		}
	}
}

// manifests reads a source of a secret and the deployment that uses it.
func manifests(t *testing.T, name string, spec any) (source, user manifest, pod deployment) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(contents(t, recipes+"/"+name)))
	if err := errors.Join(decoder.Decode(&source), decoder.Decode(&user)); err != nil {
		t.Fatal(err)
	}
	marshalled, err := yaml.Marshal(&source.Spec)
	if err := errors.Join(err, strictly(marshalled, spec), user.Spec.Decode(&pod)); err != nil {
		t.Fatal(err)
	}
	return source, user, pod
}

// strictly fails for a field that is not known.
func strictly(text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(into)
}

// https://external-secrets.io/latest/api/externalsecret/
type externalSecret struct {
	RefreshInterval time.Duration               `yaml:"refreshInterval"`
	SecretStoreRef  struct{ Name, Kind string } `yaml:"secretStoreRef"`
	Target          struct{ Name string }
	Data            []struct {
		SecretKey string                                  `yaml:"secretKey"`
		RemoteRef struct{ Key, Property, Version string } `yaml:"remoteRef"`
	}
	// https://external-secrets.io/latest/guides/all-keys-one-secret/
	DataFrom []struct {
		Extract struct{ Key, Version string }
	} `yaml:"dataFrom"`
}

// takes returns the keys of the Kubernetes secret that the operator makes, in their order.
func (e externalSecret) takes(t *testing.T) (names []string) {
	t.Helper()
	for _, from := range e.DataFrom {
		names = slices.AppendSeq(names, maps.Keys(keys(t, path.Base(from.Extract.Key))))
		if from.Extract.Version != "AWSCURRENT" {
			t.Errorf("it takes the version %q", from.Extract.Version)
		}
	}
	for _, data := range e.Data {
		names = append(names, data.SecretKey)
		ref := data.RemoteRef
		if _, ok := keys(t, path.Base(ref.Key))[ref.Property]; !ok || ref.Version != "AWSCURRENT" {
			t.Errorf("the secret has no such key: %+v", ref)
		}
	}
	if e.RefreshInterval != time.Minute {
		t.Errorf("it reads every %v", e.RefreshInterval)
	}
	return slices.Sorted(slices.Values(names))
}

func TestExternalSecretTakesSeveralKeys(t *testing.T) {
	t.Parallel()
	decoder := yaml.NewDecoder(strings.NewReader(contents(t, recipes+"/external-secret-keys.yaml")))
	for _, want := range []string{"[CACHE_URL DATABASE_URL]", "[DATABASE_URL REDIS_URL STRIPE]"} {
		var source manifest
		var spec externalSecret
		err := decoder.Decode(&source)
		text, marshalling := yaml.Marshal(&source.Spec)
		if err := errors.Join(err, marshalling, strictly(text, &spec)); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(spec.takes(t)); got != want || spec.Target.Name != source.Metadata.Name {
			t.Errorf("%s takes %s, want %s", spec.Target.Name, got, want)
		}
	}
}

func TestExternalSecretTakesWhatTheSecretHolds(t *testing.T) {
	t.Parallel()
	var spec externalSecret
	_, user, pod := manifests(t, "external-secret.yaml", &spec)
	if got := fmt.Sprint(spec.takes(t)); got != "[DATABASE_URL]" {
		t.Errorf("it takes %s", got)
	}
	if got := pod.Template.Spec.Containers[0].EnvFrom[0].SecretRef.Name; got != spec.Target.Name {
		t.Errorf("the deployment uses the secret %q, not %q", got, spec.Target.Name)
	}
	if user.Metadata.Annotations["reloader.stakater.com/auto"] != "true" {
		t.Error("nothing restarts the deployment")
	}
}

// https://docs.aws.amazon.com/secretsmanager/latest/userguide/ascp-examples.html
func TestSecretProviderClassTakesWhatTheSecretHolds(t *testing.T) {
	t.Parallel()
	var spec struct {
		Provider   string
		Parameters struct{ Region, Objects string }
	}
	source, _, pod := manifests(t, "secret-provider-class.yaml", &spec)
	var objects []struct {
		Name  string `yaml:"objectName"`
		Type  string `yaml:"objectType"`
		Label string `yaml:"objectVersionLabel"`
		Alias string `yaml:"objectAlias"`
		Keys  []struct {
			Path  string
			Alias string `yaml:"objectAlias"`
		} `yaml:"jmesPath"`
	}
	if err := strictly([]byte(spec.Parameters.Objects), &objects); err != nil {
		t.Fatal(err)
	}
	object := objects[0]
	if spec.Provider != "aws" || object.Type != "secretsmanager" || object.Label != "AWSCURRENT" || len(object.Keys) == 0 {
		t.Errorf("%+v", object)
	}
	for _, key := range object.Keys {
		// The provider takes texts alone, and refuses the whole mount for one number.
		name, converted := strings.CutPrefix(strings.TrimSuffix(key.Path, ")"), "to_string(")
		value := keys(t, path.Base(object.Name))[name]
		if _, text := value.(string); value == nil || !text && !converted {
			t.Errorf("%s: the secret has no such text, but %v", key.Path, value)
		}
	}
	volume := pod.Template.Spec.Volumes[0]
	if got := volume.CSI.VolumeAttributes["secretProviderClass"]; got != source.Metadata.Name {
		t.Errorf("the deployment mounts %q, not %q", got, source.Metadata.Name)
	}
	if got := pod.Template.Spec.Containers[0].VolumeMounts[0].Name; got != volume.Name {
		t.Errorf("the container mounts %q, not %q", got, volume.Name)
	}
}

// https://github.com/external-secrets/reloader/blob/main/api/v1alpha1/reloader_types.go
type reloaderConfig struct {
	NotificationSources []struct {
		Type   string
		AwsSqs struct {
			QueueURL string `yaml:"queueURL"`
			Auth     struct {
				AuthMethod        string                           `yaml:"authMethod"`
				Region            string                           `yaml:"region"`
				ServiceAccountRef struct{ Name, Namespace string } `yaml:"serviceAccountRef"`
			}
		} `yaml:"awsSqs"`
	} `yaml:"notificationSources"`
	DestinationsToWatch []struct {
		Type           string
		ExternalSecret struct{ Names []string } `yaml:"externalSecret"`
	} `yaml:"destinationsToWatch"`
}

// The Reloader looks for the ExternalSecrets whose key is what the message has for the
// CloudTrail field requestParameters.secretId. keepcurrent calls AWS with ARNs, and the
// recipes name their secret: so the targets make the message out of the event's name.
func TestReloaderFindsTheExternalSecretByTheNameInTheEvent(t *testing.T) {
	t.Parallel()
	var config manifest
	var spec reloaderConfig
	err := yaml.Unmarshal([]byte(contents(t, recipes+"/external-secrets-reloader.yaml")), &config)
	text, marshalling := yaml.Marshal(&config.Spec)
	var es externalSecret
	source, _, _ := manifests(t, "external-secret.yaml", &es)
	if err := errors.Join(err, marshalling, strictly(text, &spec)); err != nil {
		t.Fatal(err)
	}
	if got := spec.DestinationsToWatch[0].ExternalSecret.Names; !slices.Equal(got, []string{source.Metadata.Name}) {
		t.Errorf("it watches %q, not %q", got, source.Metadata.Name)
	}
	var targets []struct {
		Arn              string
		InputTransformer struct {
			InputPathsMap map[string]string
			InputTemplate string
		}
	}
	if err := json.Unmarshal([]byte(contents(t, reloaderTargets)), &targets); err != nil {
		t.Fatal(err)
	}
	arn, queue := strings.Split(targets[0].Arn, ":"), spec.NotificationSources[0].AwsSqs.QueueURL
	if want := fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", arn[3], arn[4], arn[5]); queue != want {
		t.Errorf("it reads %s, and the rule writes to %s", queue, want)
	}
	var message struct {
		Detail struct {
			EventTime         string
			RequestParameters struct{ SecretID string }
		}
	}
	transformer := targets[0].InputTransformer
	filled := transformer.InputTemplate
	event := map[string]string{"$.detail.name": es.Data[0].RemoteRef.Key, "$.time": "2026-11-26T10:15:00Z"}
	for name, from := range transformer.InputPathsMap {
		filled = strings.ReplaceAll(filled, "<"+name+">", event[from])
	}
	if err := json.Unmarshal([]byte(filled), &message); err != nil {
		t.Fatal(err)
	}
	if got := message.Detail; got.RequestParameters.SecretID != es.Data[0].RemoteRef.Key || got.EventTime != event["$.time"] {
		t.Errorf("the Reloader gets %+v", got)
	}
}

var fenced = regexp.MustCompile("(?ms)^```\\w*\n.*?^```")

// AWS's CSI driver provider and AWS's caching libraries call DescribeSecret too.
func TestEveryPolicyOfAReaderAllowsDescribeSecret(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"consumers.md", "terraform.md"} {
		found := 0
		for _, block := range fenced.FindAllString(contents(t, "../../../docs/"+page), -1) {
			if strings.Contains(block, "secretsmanager:GetSecretValue") {
				found++
				if !strings.Contains(block, "secretsmanager:DescribeSecret") {
					t.Errorf("%s: a reader may not describe:\n%s", page, block)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s: no policy for readers was found", page)
		}
	}
}

func TestCachingLibraryReadsNothingWithoutDescribeSecret(t *testing.T) {
	t.Parallel()
	server := secretstest.NewServer()
	t.Cleanup(server.Close)
	const id = "heroku/shop/DATABASE_URL"
	if _, err := server.Client().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new(id), SecretString: new("EXAMPLE")}); err != nil {
		t.Fatal(err)
	}
	read := func() (string, error) {
		cache, err := secretcache.New(func(c *secretcache.Cache) { c.Client = server.Client() })
		if err != nil {
			t.Fatal(err)
		}
		return cache.GetSecretString(id)
	}
	if value, err := read(); value != "EXAMPLE" || err != nil {
		t.Fatalf("with the right it reads %q, %v", value, err)
	}
	server.Intercept(func(c secretstest.Call) secretstest.Fault {
		if c.Action == "DescribeSecret" {
			return secretstest.Fail(400, "AccessDeniedException")
		}
		return nil
	})
	if _, err := read(); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
		t.Errorf("without the right: %v", err)
	}
}

var tagOption = regexp.MustCompile(`Key=([^,\s]+),Value=(\S+)`)

// The tags of consumers.md move a secret to another credential. Its readers notice nothing.
func TestASecretMovesToACredentialOfItsOwnUnderTheSameKey(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	secret := s.bind("shop", "shop/json")
	if report := s.poll(); report.Published != 1 {
		t.Fatalf("report: %+v", report)
	}
	own := s.database()
	s.app.Set("AWS_DATABASE_URL", own.URL())
	var tags []types.Tag
	for _, found := range tagOption.FindAllStringSubmatch(contents(t, "../../../docs/consumers.md"), -1) {
		tags = append(tags, types.Tag{Key: &found[1], Value: &found[2]})
	}
	_, err := s.Secrets.Client().TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &secret, Tags: tags})
	s.must(err)
	if report := s.poll(); report.Published != 1 {
		t.Errorf("report: %+v", report)
	}
	var got map[string]any
	s.must(json.Unmarshal([]byte(s.value(secret)), &got))
	if got["DATABASE_URL"] != own.URL()+"?sslmode=require" || len(got) != 7 {
		t.Error("the secret does not hold the new URL under the old key, beside AWS's keys")
	}
}
