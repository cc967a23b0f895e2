package consumer

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// member returns the text under a key of a JSON object, "" if something else is there.
func member(object, key string) (string, error) {
	members, ok := membersOf(object)
	if !ok {
		return "", fmt.Errorf("the secret is not a JSON object, so it has no key %s", quoted(key))
	}
	raw, there := members[key]
	if !there {
		return "", fmt.Errorf("the secret has no key %s; its keys: %s", quoted(key), list(slices.Collect(maps.Keys(members))))
	}
	return textOf(raw), nil
}

// membersOf does not decode the members: those of others can be numbers that no float64
// holds.
func membersOf(object string) (members map[string]json.RawMessage, ok bool) {
	err := json.Unmarshal([]byte(object), &members)
	return members, err == nil && members != nil
}

func textOf(raw json.RawMessage) (text string) {
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// keyName is the form of a key in an error, which a connection URL and a PEM do not have.
// The names that a secret has must be short and without base64's characters as well: a
// credential may have been pasted where a name belongs.
var (
	keyName   = regexp.MustCompile(`^[A-Za-z0-9_+=./@-]{1,100}$`)
	shortName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,31}$`)
)

// maxNames is how many keys of a secret an error names.
const maxNames = 10

func quoted(key string) string {
	if !keyName.MatchString(key) || mayBePassword(key) {
		return notShown
	}
	return strconv.Quote(key)
}

// list names keys in their order, and counts those that it does not show.
func list(keys []string) string {
	slices.Sort(keys)
	var shown []string
	for _, key := range keys {
		if len(shown) < maxNames && shortName.MatchString(key) {
			shown = append(shown, strconv.Quote(key))
		}
	}
	if rest := len(keys) - len(shown); rest > 0 {
		shown = append(shown, fmt.Sprintf("%d not shown", rest))
	}
	if len(shown) == 0 {
		return "none"
	}
	return strings.Join(shown, ", ")
}
