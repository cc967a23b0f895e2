package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// event is what the poller is asked for. The zero value asks for a round.
type event struct {
	// DryRun asks for a report on every binding, and that nothing be written.
	DryRun bool
	// Unsubscribe names an app from which our webhook is to be removed. Token is its
	// heroku:token, if it has one.
	Unsubscribe, Token string
	// Scheduled is the time for which the schedule planned the run, which can begin later
	// (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html).
	Scheduled time.Time
}

var errEvent = errors.New(`the event is refused, and nothing was done: it can be {"dryRun": true}, ` +
	`{"unsubscribe": "APP"} with an app's name or id, and beside it "token": "SECRET" with the name or ARN of a secret; ` +
	`for a round {} or {"scheduled": "TIME"}`)

// fields are the members of a JSON object by their names as they are written.
type fields map[string]json.RawMessage

// parseEvent reads an event. What is neither a schedule's event nor one of our words
// exactly is an error that says the words: a dry run that is misspelled must not
// become a round that writes.
func parseEvent(text []byte) (event, error) {
	said, err := parseFields(text)
	if err != nil {
		return event{}, errEvent
	}
	if isSchedule(said) {
		return event{}, nil
	}
	var e event
	if !e.read(said) {
		return event{}, errEvent
	}
	return e, nil
}

// parseFields reads the members of an object. It fails if the text is anything else, or
// if two names differ in nothing but capitals: one of them would be ignored.
func parseFields(text []byte) (fields, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, errEvent
	}
	all, seen := make(fields), make(map[string]bool)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		folded := strings.ToLower(name.(string)) // of a member, the decoder gives no other type
		if seen[folded] {
			return nil, errEvent
		}
		seen[folded] = true
		all[name.(string)] = value
	}
	if _, err := decoder.Token(); err != nil { // the closing brace
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errEvent
	}
	return all, nil
}

// isSchedule reports whether the event is one that AWS makes: EventBridge's for a rule
// with a schedule, or EventBridge Scheduler's for a schedule without an input. AWS may add
// members to either. One that could be meant for us comes from a person, and then the event
// must not become a round that writes.
func isSchedule(said fields) bool {
	for name, value := range said {
		if isDetail := name == "detail"; isDetail && !isNothing(value) || !isDetail && (saysOurWord(name) || !isPlain(value)) {
			return false
		}
	}
	_, hasDetail := said["detail"]
	return string(said["detail-type"]) == `"Scheduled Event"` || len(said) == 1 && hasDetail
}

// isPlain reports whether a value is a text or a number, or a list of those, and says none
// of our words.
func isPlain(value json.RawMessage) bool {
	var decoded any
	if json.Unmarshal(value, &decoded) != nil {
		return false
	}
	elements, isList := decoded.([]any)
	if !isList {
		elements = []any{decoded}
	}
	for _, element := range elements {
		text, isText := element.(string)
		_, isNumber := element.(float64)
		if !isText && !isNumber || saysOurWord(text) {
			return false
		}
	}
	return true
}

// isNothing reports whether a detail is an empty object, or its text.
func isNothing(detail json.RawMessage) bool {
	var text string
	if json.Unmarshal(detail, &text) == nil {
		return text == "{}"
	}
	inner, err := parseFields(detail)
	return err == nil && len(inner) == 0
}

// saysOurWord reports whether a text says one of our words, however it is spelled and
// whatever stands around it, or is an object or a list, encoded once more.
func saysOurWord(text string) bool {
	letters := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(text))
	switch letters {
	case "dry", "plan", "token":
		return true
	}
	return strings.Contains(letters, "dryrun") || strings.Contains(letters, "unsubscribe") ||
		strings.HasPrefix(strings.TrimSpace(text), "{") || strings.HasPrefix(strings.TrimSpace(text), "[")
}

// read takes our words, each with a value of its type, and reports false for anything
// else.
func (e *event) read(said fields) bool {
	var asked struct{ dryRun, unsubscribe, token bool }
	for name, value := range said {
		ok := true
		switch strings.ToLower(name) {
		case "dryrun":
			asked.dryRun, ok = true, isBool(value, &e.DryRun)
		case "unsubscribe":
			asked.unsubscribe, ok = true, isText(value, &e.Unsubscribe) && reconcile.IsApp(e.Unsubscribe)
		case "token":
			asked.token, ok = true, isText(value, &e.Token) && reconcile.IsSecretID(e.Token)
		case "scheduled":
			ok = e.schedule(value)
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return (!asked.unsubscribe || !asked.dryRun && e.Scheduled.IsZero()) && (asked.unsubscribe || !asked.token)
}

// schedule takes any text that says no other of our words: only a schedule sends this one,
// and a time that cannot be read is now. Terraform's jsonencode escapes the angle brackets of
// <aws.scheduler.scheduled-time>, and then AWS sends these words instead of the time.
func (e *event) schedule(value json.RawMessage) bool {
	var text string
	if !isText(value, &text) || saysOurWord(text) {
		return false
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		e.Scheduled = at
	}
	return true
}

// isBool reads a value that must be true or false. json.Unmarshal takes null for both.
func isBool(value json.RawMessage, into *bool) bool {
	*into = string(value) == "true"
	return *into || string(value) == "false"
}

// isText reads a value that must be a string.
func isText(value json.RawMessage, into *string) bool {
	return len(value) > 0 && value[0] == '"' && json.Unmarshal(value, into) == nil
}

// at is the time for which the round was planned.
func (e event) at() time.Time {
	if e.Scheduled.IsZero() {
		return time.Now()
	}
	return e.Scheduled
}

// roundNumber numbers the rounds: the next round of the schedule has the next number.
func (e event) roundNumber(period time.Duration) uint64 {
	return uint64(e.at().Unix() / int64(period.Seconds()))
}
