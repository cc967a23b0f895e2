package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// cloudFormation answers the AWS CLI by CloudFormation's rules for the states of a stack.
// Where AWS takes minutes it takes no time.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
type cloudFormation struct {
	*httptest.Server

	mu       sync.Mutex // guards what follows
	status   string     // of the one stack; empty: there is none
	values   map[string]string
	defaults map[string]string // of the template's parameters
	pending  map[string]string // of the change set
	requests []string
	events   []event
	fails    string // why the next creation or update fails
	refuses  string // why the next change set is refused
}

func startCloudFormation(t *testing.T) *cloudFormation {
	c := &cloudFormation{defaults: map[string]string{"HerokuApp": "", "PollMinutes": "1", "Pause": "off"}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *cloudFormation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = r.ParseForm()
	action := r.Form.Get("Action")
	body, err := c.answer(action, r)
	if !strings.HasPrefix(action, "Describe") && action != "GetTemplateSummary" {
		c.requests = append(c.requests, action)
	}
	w.Header().Set("Content-Type", "text/xml")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>%s</Message></Error></ErrorResponse>`, escaped(err.Error()))
		return
	}
	fmt.Fprintf(w, `<%[1]sResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, body)
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}

func (c *cloudFormation) answer(action string, r *http.Request) (string, error) {
	name := r.Form.Get("StackName")
	if c.status == "" && action != "CreateChangeSet" && action != "DeleteStack" {
		return "", fmt.Errorf("Stack with id %s does not exist", name)
	}
	switch action {
	case "CreateChangeSet":
		if why := c.refuses; why != "" {
			c.refuses = ""
			return "", errors.New(why)
		}
		if create := r.Form.Get("ChangeSetType") == "CREATE"; create != (c.status == "") || hasNeverWorked(c.status) {
			return "", fmt.Errorf("Stack:%s is in %s state and can not be updated.", name, c.status)
		}
		c.pending = c.parameters(r)
		if c.status == "" {
			c.status, c.values = "REVIEW_IN_PROGRESS", nil
		}
		return `<Id>arn:aws:cloudformation:eu-west-1:123456789012:changeSet/c/1</Id><StackId>` + name + `</StackId>`, nil
	case "DescribeChangeSet":
		if c.status != "REVIEW_IN_PROGRESS" && maps.Equal(c.pending, c.values) && c.fails == "" {
			return `<Status>FAILED</Status><StatusReason>The submitted information didn't contain changes. Submit different information to create a change set.</StatusReason>`, nil
		}
		return `<Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus>`, nil
	case "ExecuteChangeSet":
		c.execute(name, map[bool]string{true: "CREATE", false: "UPDATE"}[c.status == "REVIEW_IN_PROGRESS"])
	case "UpdateStack":
		if c.pending = c.parameters(r); maps.Equal(c.pending, c.values) {
			return "", fmt.Errorf("No updates are to be performed.")
		}
		c.execute(name, "UPDATE")
		return `<StackId>` + name + `</StackId>`, nil
	case "DeleteStack":
		c.status, c.values = "", nil
	case "GetTemplateSummary":
		var b strings.Builder
		for key := range c.values {
			fmt.Fprintf(&b, `<member><ParameterKey>%s</ParameterKey></member>`, key)
		}
		return `<Parameters>` + b.String() + `</Parameters>`, nil
	case "DescribeStacks":
		return c.described(name), nil
	case "DescribeStackEvents":
		return c.told(name), nil
	default:
		return "", fmt.Errorf("the test does not know %s", action)
	}
	return "", nil
}

// parameters are the stack's after a request, which may leave some as they are.
func (c *cloudFormation) parameters(r *http.Request) map[string]string {
	values := maps.Clone(c.values)
	if len(values) == 0 {
		values = maps.Clone(c.defaults)
	}
	for i := 1; r.Form.Has(fmt.Sprintf("Parameters.member.%d.ParameterKey", i)); i++ {
		of := func(field string) string { return r.Form.Get(fmt.Sprintf("Parameters.member.%d.%s", i, field)) }
		values[of("ParameterKey")] = of("ParameterValue")
		if of("UsePreviousValue") == "true" {
			values[of("ParameterKey")] = c.values[of("ParameterKey")]
		}
	}
	return values
}

func (c *cloudFormation) execute(name, what string) {
	c.happens("WebhookFunction", "AWS::Lambda::Function", what+"_IN_PROGRESS", "")
	if c.fails != "" {
		if what == "CREATE" {
			c.values = c.pending
		}
		c.happens("BoundSecret", "AWS::SecretsManager::Secret", what+"_FAILED", c.fails)
		c.happens("WebhookFunction", "AWS::Lambda::Function", what+"_FAILED", "Resource creation cancelled")
		c.status = map[string]string{"CREATE": "ROLLBACK_COMPLETE", "UPDATE": "UPDATE_ROLLBACK_COMPLETE"}[what]
		c.happens(name, "AWS::CloudFormation::Stack", c.status, "")
		c.fails = ""
		return
	}
	c.status, c.values = what+"_COMPLETE", c.pending
	c.happens(name, "AWS::CloudFormation::Stack", c.status, "")
}

func (c *cloudFormation) happens(id, kind, status, reason string) {
	c.events = append(c.events, event{fmt.Sprint(len(c.events)), time.Now(), id, id, kind, status, reason})
}

func (c *cloudFormation) described(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<Stacks><member><StackName>%s</StackName><CreationTime>2026-11-26T00:00:00Z</CreationTime><StackStatus>%s</StackStatus><Parameters>`, name, c.status)
	for _, key := range slices.Sorted(maps.Keys(c.values)) {
		fmt.Fprintf(&b, `<member><ParameterKey>%s</ParameterKey><ParameterValue>%s</ParameterValue></member>`, key, escaped(c.values[key]))
	}
	b.WriteString(`</Parameters><Outputs>`)
	for key, value := range map[string]string{"PollerFunction": "keepcurrent-poller", "TokenSecret": tokenSecret, "BoundSecret": boundSecret,
		"WebhookUrl": webhookURL, "SigningKey": "signing-key"} {
		fmt.Fprintf(&b, `<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>`, key, value)
	}
	b.WriteString(`</Outputs></member></Stacks>`)
	return b.String()
}

const (
	tokenSecret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:TokenSecret-AbCdEf"
	webhookURL  = "https://ours.example/heroku/webhook"
	boundSecret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:heroku/shop/DATABASE_URL-AbCdEf"
)

func (c *cloudFormation) told(name string) string {
	var b strings.Builder
	b.WriteString(`<StackEvents>`)
	for _, e := range slices.Backward(c.events) {
		fmt.Fprintf(&b, `<member><EventId>%s</EventId><StackId>%s</StackId><StackName>%[2]s</StackName><LogicalResourceId>%s</LogicalResourceId><ResourceType>%s</ResourceType><Timestamp>%s</Timestamp><ResourceStatus>%s</ResourceStatus><ResourceStatusReason>%s</ResourceStatusReason></member>`,
			e.EventId, name, e.LogicalResourceId, e.ResourceType, e.Timestamp.UTC().Format(time.RFC3339Nano), e.ResourceStatus, escaped(e.ResourceStatusReason))
	}
	b.WriteString(`</StackEvents>`)
	return b.String()
}

// made returns the requests that were no questions.
func (c *cloudFormation) made() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// current returns the stack's status and parameters.
func (c *cloudFormation) current() (string, map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status, maps.Clone(c.values)
}

// has makes a stack of ours that is in a state.
func (c *cloudFormation) has(status string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.values = status, maps.Clone(c.defaults)
}

func (c *cloudFormation) refuseNext(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuses = why
}

func (c *cloudFormation) failNext(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = why
}
