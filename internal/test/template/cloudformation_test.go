package template_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// settings are parameters as they are given; what is not given has its default.
type settings map[string]string

// stack is a translated template with parameters, evaluated as CloudFormation documents it
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html).
// A reference to what is not made, and a function that is not known here, fail the test.
type stack struct {
	t          *testing.T
	template   map[string]any
	parameters map[string]any // a text, or a list of texts
	pseudo     map[string]string
}

const account = "123456789012"

// noValue is AWS::NoValue: what has it is left out.
type noValue struct{}

// newStack takes the pseudo parameters among the settings, too.
func newStack(t *testing.T, template map[string]any, given settings) *stack {
	s := &stack{t: t, template: template, parameters: map[string]any{}, pseudo: map[string]string{
		"AWS::Region": "eu-west-1", "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com", "AWS::AccountId": account, "AWS::StackName": "keepcurrent",
	}}
	for name, value := range given {
		if strings.HasPrefix(name, "AWS::") {
			s.pseudo[name] = value
		} else if _, known := s.section("Parameters")[name]; !known {
			t.Fatalf("there is no parameter %s", name)
		}
	}
	for name, declared := range s.section("Parameters") {
		parameter := declared.(map[string]any)
		value := fmt.Sprint(parameter["Default"])
		if own, isGiven := given[name]; isGiven {
			value = own
		}
		s.parameters[name] = s.accepted(name, parameter, value)
	}
	return s
}

// accepted returns the value of a parameter, which must be one that the template takes.
func (s *stack) accepted(name string, parameter map[string]any, value string) any {
	texts := []string{value}
	if parameter["Type"] == "CommaDelimitedList" {
		texts = strings.Split(value, ",")
	}
	for _, text := range texts {
		if pattern, has := parameter["AllowedPattern"].(string); has && !regexp.MustCompile(pattern).MatchString(text) {
			s.t.Fatalf("%s does not take %q", name, text)
		}
		if values, has := parameter["AllowedValues"].([]any); has && !slices.ContainsFunc(values, func(v any) bool { return fmt.Sprint(v) == text }) {
			s.t.Fatalf("%s does not take %q", name, text)
		}
	}
	if parameter["Type"] == "CommaDelimitedList" {
		return anyList(texts)
	}
	return value
}

func anyList(texts []string) []any {
	var list []any
	for _, text := range texts {
		list = append(list, text)
	}
	return list
}

func (s *stack) section(name string) map[string]any {
	section, _ := s.template[name].(map[string]any)
	return section
}

// made returns whether the template makes a resource, or shows an output.
func (s *stack) made(part any) bool {
	condition, conditional := part.(map[string]any)["Condition"].(string)
	return !conditional || s.condition(condition)
}

func (s *stack) condition(name string) bool {
	condition, known := s.section("Conditions")[name]
	if !known {
		s.t.Fatalf("there is no condition %s", name)
	}
	return s.resolve(condition).(bool)
}

// resources are the types of the resources that are made, by logical id.
func (s *stack) resources() map[string]string {
	types := make(map[string]string)
	for id, resource := range s.section("Resources") {
		if s.made(resource) {
			types[id] = resource.(map[string]any)["Type"].(string)
		}
	}
	return types
}

// of are the logical ids of the made resources of a type, in order.
func (s *stack) of(kind string) []string {
	var ids []string
	for id, is := range s.resources() {
		if is == kind {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// property follows keys down from a resource's properties.
func (s *stack) property(id string, keys ...string) any {
	value := s.resolve(s.section("Resources")[id].(map[string]any)["Properties"])
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// violated are the assertions of the Rules that do not hold.
func (s *stack) violated() (names []string) {
	for name, rule := range s.section("Rules") {
		rule := rule.(map[string]any)
		if when, has := rule["RuleCondition"]; has && !s.resolve(when).(bool) {
			continue
		}
		for _, assertion := range rule["Assertions"].([]any) {
			if !s.resolve(assertion.(map[string]any)["Assert"]).(bool) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// resolve evaluates a part of the template.
func (s *stack) resolve(part any) any {
	switch part := part.(type) {
	case []any:
		list := []any{}
		for _, item := range part {
			if value := s.resolve(item); !isNoValue(value) {
				list = append(list, value)
			}
		}
		return list
	case map[string]any:
		if name, argument, isCall := callOf(part); isCall {
			return s.call(name, argument)
		}
		object := map[string]any{}
		for key, item := range part {
			if value := s.resolve(item); !isNoValue(value) {
				object[key] = value
			}
		}
		return object
	}
	return part
}

func isNoValue(value any) bool { _, is := value.(noValue); return is }

// callOf tells a function from an object: a statement of a policy has a Condition, too.
func callOf(part map[string]any) (name string, argument any, isCall bool) {
	if len(part) != 1 {
		return "", nil, false
	}
	for name, argument := range part {
		_, isText := argument.(string)
		return name, argument, strings.HasPrefix(name, "Fn::") || name == "Ref" || name == "Condition" && isText
	}
	return "", nil, false
}

func (s *stack) call(name string, argument any) any {
	arguments, _ := argument.([]any)
	switch name {
	case "Ref":
		return s.ref(argument.(string))
	case "Condition":
		return s.condition(argument.(string))
	case "Fn::If":
		if s.condition(arguments[0].(string)) {
			return s.resolve(arguments[1])
		}
		return s.resolve(arguments[2])
	case "Fn::Sub":
		return s.sub(argument)
	case "Fn::GetAtt":
		return s.attribute(arguments[0].(string), arguments[1].(string))
	}
	values := s.resolve(arguments).([]any)
	switch name {
	case "Fn::Equals":
		return reflect.DeepEqual(fmt.Sprint(values[0]), fmt.Sprint(values[1]))
	case "Fn::Not":
		return !values[0].(bool)
	case "Fn::And":
		return !slices.Contains(values, any(false))
	case "Fn::Or":
		return slices.Contains(values, any(true))
	case "Fn::EachMemberEquals":
		return !slices.ContainsFunc(values[0].([]any), func(item any) bool { return item != values[1] })
	case "Fn::Join":
		return strings.Join(textsOf(values[1]), values[0].(string))
	case "Fn::Split":
		return anyList(strings.Split(values[1].(string), values[0].(string)))
	case "Fn::Select":
		return values[1].([]any)[int(values[0].(float64))]
	case "Fn::FindInMap":
		found := s.section("Mappings")[values[0].(string)].(map[string]any)[fmt.Sprint(values[1])]
		if found == nil {
			s.t.Fatalf("the mapping %s has no %s", values[0], values[1])
		}
		return found.(map[string]any)[values[2].(string)]
	}
	s.t.Fatalf("%s is not known here", name)
	return nil
}

func textsOf(list any) (texts []string) {
	for _, item := range list.([]any) {
		texts = append(texts, fmt.Sprint(item))
	}
	return texts
}

func (s *stack) ref(name string) any {
	if name == "AWS::NoValue" {
		return noValue{}
	}
	if value, known := s.pseudo[name]; known {
		return value
	}
	if value, known := s.parameters[name]; known {
		return value
	}
	switch kind := s.kind(name); kind {
	case "AWS::SecretsManager::Secret", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine":
		return s.arn(name, kind)
	}
	return name
}

func (s *stack) attribute(id, name string) any {
	if kind := s.kind(id); name == "Arn" {
		return s.arn(id, kind)
	}
	return "https://" + id + "." + name
}

// kind is the type of a resource that is made.
func (s *stack) kind(id string) string {
	kind, made := s.resources()[id]
	if !made {
		s.t.Fatalf("something refers to %s, which is not made", id)
	}
	return kind
}

// arn is one of the form that AWS gives a resource of a type.
func (s *stack) arn(id, kind string) string {
	forms := map[string]string{
		"AWS::SecretsManager::Secret":      "secretsmanager:REGION:ACCOUNT:secret:ID-AbCd12",
		"AWS::SNS::Topic":                  "sns:REGION:ACCOUNT:ID",
		"AWS::SQS::Queue":                  "sqs:REGION:ACCOUNT:ID",
		"AWS::StepFunctions::StateMachine": "states:REGION:ACCOUNT:stateMachine:ID",
		"AWS::Events::Rule":                "events:REGION:ACCOUNT:rule/ID",
		"AWS::Lambda::Function":            "lambda:REGION:ACCOUNT:function:ID",
		"AWS::Logs::LogGroup":              "logs:REGION:ACCOUNT:log-group:ID:*",
		"AWS::IAM::Role":                   "iam::ACCOUNT:role/ID",
	}
	form, known := forms[kind]
	if !known {
		s.t.Fatalf("the form of the ARN of an %s is not known here", kind)
	}
	return "arn:" + s.pseudo["AWS::Partition"] + ":" + strings.NewReplacer("REGION", s.pseudo["AWS::Region"], "ACCOUNT", account, "ID", id).Replace(form)
}

var placeholder = regexp.MustCompile(`\$\{([^!}]+)\}`)

func (s *stack) sub(argument any) any {
	text, isText := argument.(string)
	own := map[string]any{}
	if !isText {
		text, own = argument.([]any)[0].(string), argument.([]any)[1].(map[string]any)
	}
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		if value, has := own[name]; has {
			return fmt.Sprint(s.resolve(value))
		}
		if id, attribute, isAttribute := strings.Cut(name, "."); isAttribute {
			return fmt.Sprint(s.attribute(id, attribute))
		}
		value, isText := s.ref(name).(string)
		if !isText {
			s.t.Fatalf("%s in a text is a list", name)
		}
		return value
	})
}

// policies are those of a role, each as an object: a policy may be a text.
func (s *stack) policies(role string) (all []map[string]any) {
	for _, policy := range s.property(role, "Policies").([]any) {
		document := policy.(map[string]any)["PolicyDocument"]
		if text, isText := document.(string); isText {
			if err := json.Unmarshal([]byte(text), &document); err != nil {
				s.t.Fatalf("a policy of %s: %v: %s", role, err, text)
			}
		}
		all = append(all, map[string]any{"name": policy.(map[string]any)["PolicyName"], "policy": document})
	}
	return all
}

// outputs are the values that are shown.
func (s *stack) outputs() map[string]string {
	shown := make(map[string]string)
	for name, output := range maps.All(s.section("Outputs")) {
		if s.made(output) {
			shown[name] = fmt.Sprint(s.resolve(output.(map[string]any)["Value"]))
		}
	}
	return shown
}
