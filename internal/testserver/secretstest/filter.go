package secretstest

import (
	"regexp"
	"slices"
	"strings"
)

// A filter chooses secrets by the keys or the values of their tags:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html
type filter struct {
	Key    string
	Values []string
}

const (
	byTagKey   = "tag-key"
	byTagValue = "tag-value"
)

// The limits of filters: API_ListSecrets.html and API_Filter.html. AWS also accepts a
// "!" before a value, which negates the filter; the server does not.
const (
	maxFilters      = 10
	maxFilterValues = 10
)

var filterValue = regexp.MustCompile(`^[a-zA-Z0-9 :_@/+=.-]{0,512}$`)

func checkFilters(filters []filter) error {
	if len(filters) > maxFilters {
		return refuse(validationError, "There can be at most %d filters.", maxFilters)
	}
	for _, f := range filters {
		switch {
		case f.Key != byTagKey && f.Key != byTagValue:
			return refuse(validationError, "secretstest has no filter by %s.", f.Key)
		case len(f.Values) == 0 || len(f.Values) > maxFilterValues:
			return refuse(invalidParameter, "Invalid filter values for key: %s", f.Key)
		case slices.ContainsFunc(f.Values, func(value string) bool { return !filterValue.MatchString(value) }):
			return refuse(validationError, "A value of filter %s has a character that secretstest does not take, or too many.", f.Key)
		}
	}
	return nil
}

// passes reports whether a secret with these tags matches every filter. A filter matches
// if one of its values does.
func passes(tags []tag, filters []filter) bool {
	return !slices.ContainsFunc(filters, func(f filter) bool { return !slices.ContainsFunc(tags, f.matches) })
}

// matches compares prefixes and is case-sensitive.
func (f filter) matches(t tag) bool {
	text := t.Key
	if f.Key == byTagValue {
		text = t.Value
	}
	return slices.ContainsFunc(f.Values, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}
