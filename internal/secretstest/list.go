package secretstest

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"time"
)

const (
	maxPage  = 100
	maxBatch = 20
)

// A listing is what ListSecrets sees: for each secret, what it was and when that
// began to show. A secret that is gone stays in it for the time of the lag.
type listing struct {
	lag     time.Duration
	secrets map[string][]snapshot // by ARN
}

// A snapshot is a secret as it was.
type snapshot struct {
	description
	serial  int
	gone    bool
	visible time.Time // since when the list shows it
}

func (s snapshot) position() int { return s.serial }

func (l *listing) record(c *secret, d description, now time.Time) {
	d.VersionIdsToStages, d.SecretVersionsToStages = nil, d.VersionIdsToStages
	l.add(snapshot{description: d, serial: c.serial, visible: now.Add(l.lag)}, now)
}

// remove notes that a secret is no more.
func (l *listing) remove(c *secret, now time.Time) {
	l.add(snapshot{description: description{name: c.title()}, gone: true, visible: now.Add(l.lag)}, now)
}

func (l *listing) add(s snapshot, now time.Time) {
	if l.secrets == nil {
		l.secrets = map[string][]snapshot{}
	}
	history := l.secrets[s.ARN]
	// Nobody will ask again for what came before that which shows now.
	if shown := showing(history, now); shown > 0 {
		history = history[shown:]
	}
	l.secrets[s.ARN] = append(history, s)
}

// showing returns the place of the newest snapshot that shows, or -1.
func showing(history []snapshot, now time.Time) int {
	for i := len(history) - 1; i >= 0; i-- {
		if !history[i].visible.After(now) {
			return i
		}
	}
	return -1
}

func (l *listing) setLag(d time.Duration) {
	l.lag = d
	for arn, history := range l.secrets {
		newest := history[len(history)-1]
		newest.visible = time.Time{}
		l.secrets[arn] = []snapshot{newest}
	}
}

// find returns the secrets that show and pass the filters, the oldest first.
func (l *listing) find(filters []filter, deleted bool, now time.Time) ([]snapshot, error) {
	if err := checkFilters(filters); err != nil {
		return nil, err
	}
	var found []snapshot
	for _, history := range l.secrets {
		i := showing(history, now)
		if i < 0 || history[i].gone || (!history[i].DeletedDate.IsZero() && !deleted) {
			continue
		}
		if passes(history[i].description, filters) {
			found = append(found, history[i])
		}
	}
	slices.SortFunc(found, func(a, b snapshot) int { return cmp.Compare(a.serial, b.serial) })
	return found, nil
}

type listInput struct {
	Filters                []filter
	IncludePlannedDeletion bool
	pageInput
}

type listOutput struct {
	SecretList []description
	NextToken  string `json:",omitempty"`
}

func (s *store) listSecrets(in listInput) (out listOutput, err error) {
	found, err := s.list.find(in.Filters, in.IncludePlannedDeletion, s.now())
	if err != nil {
		return out, err
	}
	found, out.NextToken, err = page(found, in.pageInput, maxPage, snapshot.position)
	out.SecretList = []description{}
	for _, entry := range found {
		out.SecretList = append(out.SecretList, entry.description)
	}
	return out, err
}

type pageInput struct {
	MaxResults int
	NextToken  string
}

// page cuts one page out of a list that is in order of its items' positions. The
// token is the last position given out, so that what comes and goes between two
// pages moves no item from one to the other.
func page[T any](items []T, in pageInput, most int, position func(T) int) ([]T, string, error) {
	size := cmp.Or(in.MaxResults, most)
	if size < 1 || size > most {
		return nil, "", refuse(validationError, "MaxResults must be between 1 and %d.", most)
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
