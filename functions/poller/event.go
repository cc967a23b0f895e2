package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// event is what the poller is asked for. Whatever it cannot read is a round.
type event struct {
	// DryRun asks for a report on every binding, and that nothing be written.
	DryRun bool
	// Unsubscribe names an app whose webhook of ours shall go. Token is its
	// heroku:token, if it has one.
	Unsubscribe, Token string
	// Scheduled is the time that the schedule meant, which is later than none of
	// its delays (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html).
	Scheduled time.Time
}

var errEvent = errors.New(`the event asks for something unknown: it can be {"dryRun": true}, ` +
	`{"unsubscribe": "APP", "token": "SECRET"}, or anything without these words for a round`)

// UnmarshalJSON refuses only what somebody wrote who did not want a round that
// writes. The words count in capitals or not, and once.
func (e *event) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil
	}
	var words map[string]json.RawMessage
	if err := json.Unmarshal(text, &words); err != nil {
		return err
	}
	wishes := map[string]any{"dryrun": &e.DryRun, "unsubscribe": &e.Unsubscribe, "token": &e.Token}
	said := make(map[string]bool)
	for word, value := range words {
		word = strings.ToLower(word)
		into, ours := wishes[word]
		if ours && (said[word] || json.Unmarshal(value, into) != nil) {
			return errEvent
		}
		said[word] = true
	}
	if e.DryRun && e.Unsubscribe != "" {
		return errEvent
	}
	if json.Unmarshal(words["scheduled"], &e.Scheduled) != nil {
		e.Scheduled = time.Time{}
	}
	return nil
}

// turn numbers the rounds: the next round of the schedule has the next number.
func (e event) turn(period time.Duration) uint64 {
	at := e.Scheduled
	if at.IsZero() {
		at = time.Now()
	}
	return uint64(at.Unix() / int64(period.Seconds()))
}
