package secretstest

import (
	"regexp"
	"slices"
	"strings"
)

// A filter chooses secrets by one attribute:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html
type filter struct {
	Key    string
	Values []string
}

var (
	filterKeys  = []string{"description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"}
	filterValue = regexp.MustCompile(`^!?[a-zA-Z0-9 :_@/+=.!-]{0,511}$`)
)

// checkFilters applies the limits of the API's model.
func checkFilters(filters []filter) error {
	if len(filters) > 10 {
		return refuse(validationError, "Filters must have length less than or equal to 10.")
	}
	for _, f := range filters {
		if !slices.Contains(filterKeys, f.Key) {
			return refuse(validationError, "A filter's key must be one of %s.", strings.Join(filterKeys, ", "))
		}
		if len(f.Values) == 0 || len(f.Values) > 10 {
			return refuse(invalidParameter, "Invalid filter values for key: %s", f.Key)
		}
		for _, v := range f.Values {
			if !filterValue.MatchString(v) {
				return refuse(validationError, "A value of filter %s has a character that AWS does not take, or too many.", f.Key)
			}
		}
	}
	return nil
}

// passes tells whether every filter lets a secret through; for a filter, one of
// its values is enough.
func passes(d description, filters []filter) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(f.Values, func(value string) bool { return f.matches(d, value) }) {
			return false
		}
	}
	return true
}

// matches compares one value as the documentation has it. (moto's source says that
// AWS, when tried, searched descriptions for words rather than for a prefix.)
func (f filter) matches(d description, value string) bool {
	if unwanted, negated := strings.CutPrefix(value, "!"); negated {
		return !f.matches(d, unwanted)
	}
	if f.Key == "all" {
		return matchesWords(d, value)
	}
	return slices.ContainsFunc(d.attributes(f.Key), func(attribute string) bool {
		if f.Key == "description" {
			attribute, value = strings.ToLower(attribute), strings.ToLower(value)
		}
		return strings.HasPrefix(attribute, value)
	})
}

// matchesWords looks for each word of the value anywhere in the attributes. AWS
// says no more than that it "breaks the filter value string into words and then
// searches all attributes for matches".
func matchesWords(d description, value string) bool {
	var all []string
	for _, key := range filterKeys {
		all = append(all, d.attributes(key)...)
	}
	text := strings.ToLower(strings.Join(all, "\n"))
	for _, word := range strings.Fields(strings.ToLower(value)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// attributes returns what a filter compares with. A secret that is no replica and
// belongs to no service has no primary region and no owning service.
func (d description) attributes(key string) []string {
	var found []string
	switch key {
	case "description":
		found = []string{d.Description}
	case "name":
		found = []string{d.Name}
	case "tag-key":
		for _, t := range d.Tags {
			found = append(found, t.Key)
		}
	case "tag-value":
		for _, t := range d.Tags {
			found = append(found, t.Value)
		}
	}
	return found
}
