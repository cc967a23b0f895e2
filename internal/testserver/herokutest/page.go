package herokutest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A span is what a Range header asks for: `version ..; max=5, order=desc`.
type span struct {
	field      string
	max        int
	descending bool
}

// parseSpan parses a Range header. Without one it returns the first 200 in the list's
// usual order. It refuses a range with bounds, such as `id abc..`: no test reads a
// second page.
func parseSpan(header, usual string) (s span, ok bool) {
	s = span{field: usual, max: 200}
	if header == "" {
		return s, true
	}
	field, options, ok := strings.Cut(header, " ..")
	if !ok {
		return s, false
	}
	s.field = field
	for option := range strings.FieldsFuncSeq(options, func(r rune) bool { return strings.ContainsRune(";, ", r) }) {
		if !s.option(option) {
			return s, false
		}
	}
	return s, true
}

func (s *span) option(text string) bool {
	switch name, value, _ := strings.Cut(text, "="); name {
	case "max":
		n, err := strconv.Atoi(value)
		s.max = n
		return err == nil && 1 <= n && n <= 1000
	case "order":
		s.descending = value == "desc"
		return s.descending || value == "asc"
	default:
		return false
	}
}

// page answers the part of a list that the Range header asks for, with 206 if
// there is more. The orders are those that the list can be had in, by field, and
// usual is the field that it goes by without a Range.
func page[T any](c *call, all []T, usual string, orders map[string]func(a, b T) int) (any, error) {
	s, ok := parseSpan(c.request.Header.Get("Range"), usual)
	compare := orders[s.field]
	if !ok || compare == nil {
		return nil, refusal(http.StatusRequestedRangeNotSatisfiable, "requested_range_not_satisfiable", "The range cannot be satisfied.")
	}
	all = append([]T{}, all...) // not nil, which would be null
	slices.SortFunc(all, compare)
	if s.descending {
		slices.Reverse(all)
	}
	if len(all) > s.max {
		c.status = http.StatusPartialContent
		all = all[:s.max]
	}
	return all, nil
}
