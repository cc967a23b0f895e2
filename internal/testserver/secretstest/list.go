package secretstest

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"time"
)

// A listing is the state that ListSecrets shows. It may lag.
type listing struct {
	lag       time.Duration
	histories map[string][]snapshot // by ARN, the oldest first
}

type listEntry struct {
	description
	SecretVersionsToStages map[string][]string `json:",omitempty"`
}

// A snapshot is an earlier state of a secret, and the time from which the list shows it.
type snapshot struct {
	listEntry
	serial  int
	visible time.Time
}

func (l *listing) record(c *secret, now time.Time) {
	history := l.histories[c.ARN]
	// The list never shows snapshots again that are older than the one it shows now.
	if shown := showing(history, now); shown > 0 {
		history = history[shown:]
	}
	entry := listEntry{c.describe(), c.labelled()}
	l.histories[c.ARN] = append(history, snapshot{entry, c.serial, now.Add(l.lag)})
}

func (l *listing) forget(c *secret) { delete(l.histories, c.ARN) }

// showing returns the place of the newest snapshot that shows, or -1.
func showing(history []snapshot, now time.Time) int {
	for i := len(history) - 1; i >= 0; i-- {
		if !history[i].visible.After(now) {
			return i
		}
	}
	return -1
}

// find returns the secrets that show and pass the filters, the oldest first; those that
// are marked deleted only if asked for.
func (l *listing) find(in listInput, now time.Time) []snapshot {
	var found []snapshot
	for _, history := range l.histories {
		i := showing(history, now)
		if i < 0 || !history[i].DeletedDate.IsZero() && !in.IncludePlannedDeletion {
			continue
		}
		if passes(history[i].Tags, in.Filters) {
			found = append(found, history[i])
		}
	}
	slices.SortFunc(found, func(a, b snapshot) int { return cmp.Compare(a.serial, b.serial) })
	return found
}

type listInput struct {
	Filters                []filter
	IncludePlannedDeletion bool
	pageInput
}

type listOutput struct {
	SecretList []listEntry
	NextToken  string `json:",omitempty"`
}

func (s *store) listSecrets(in listInput) (out listOutput, err error) {
	if err := checkFilters(in.Filters); err != nil {
		return out, err
	}
	found, next, err := page(s.list.find(in, s.now()), in.pageInput, func(s snapshot) int { return s.serial })
	if err != nil {
		return out, err
	}
	out = listOutput{SecretList: []listEntry{}, NextToken: next}
	for _, shown := range found {
		out.SecretList = append(out.SecretList, shown.listEntry)
	}
	return out, nil
}

const maxPage = 100

type pageInput struct {
	MaxResults int
	NextToken  string
}

// page returns one page of a list that is sorted by position. The token is the last
// position returned, so that an item which is added or removed between two pages moves
// no other from one page to the next.
func page[T any](items []T, in pageInput, position func(T) int) (cut []T, next string, err error) {
	size := cmp.Or(in.MaxResults, maxPage)
	if size < 1 || size > maxPage {
		return nil, "", refuse(validationError, "MaxResults must be between 1 and %d.", maxPage)
	}
	if in.NextToken != "" {
		after, err := parseToken(in.NextToken)
		if err != nil {
			return nil, "", refuse(invalidNextToken, "The NextToken value is invalid.")
		}
		items = slices.DeleteFunc(items, func(item T) bool { return position(item) <= after })
	}
	if len(items) <= size {
		return items, "", nil
	}
	items = items[:size]
	return items, token(position(items[size-1])), nil
}

func token(position int) string {
	return base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(position)))
}

func parseToken(token string) (int, error) {
	text, err := base64.URLEncoding.DecodeString(token)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(text))
}
