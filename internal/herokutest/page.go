package herokutest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A span is a Range header: `version ]5..10; max=200, order=desc`. A bracket
// before the first bound leaves it out of the answer.
type span struct {
	field       string
	first, last string
	exclusive   bool
	max         int
	descending  bool
}

var spans = regexp.MustCompile(`^(?:(\w+) )?(\]?)([\w-]*)\.\.([\w-]*)(?:; *(.*))?$`)

// parseSpan reads a Range header. Without one it is the first 200 by id.
func parseSpan(header string) (span, bool) {
	s := span{field: "id", max: 200}
	if header == "" {
		return s, true
	}
	m := spans.FindStringSubmatch(header)
	if m == nil {
		return s, false
	}
	s.field = cmp.Or(m[1], s.field)
	s.exclusive, s.first, s.last = m[2] != "", m[3], m[4]
	for option := range strings.SplitSeq(m[5], ",") {
		if !s.option(strings.TrimSpace(option)) {
			return s, false
		}
	}
	return s, true
}

func (s *span) option(text string) bool {
	switch name, value, _ := strings.Cut(text, "="); name {
	case "":
		return true
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

func (s span) compare(a, b string) int {
	order := compareKeys(a, b)
	if s.descending {
		return -order
	}
	return order
}

func (s span) holds(key string) bool {
	fromFirst := s.compare(key, s.first)
	return (s.first == "" || fromFirst > 0 || fromFirst == 0 && !s.exclusive) && (s.last == "" || s.compare(key, s.last) <= 0)
}

// compareKeys orders versions as numbers and everything else as text.
func compareKeys(a, b string) int {
	m, errA := strconv.Atoi(a)
	n, errB := strconv.Atoi(b)
	if errA == nil && errB == nil {
		return cmp.Compare(m, n)
	}
	return cmp.Compare(a, b)
}

// page answers the part of a list that the Range header asks for, and says in
// Next-Range where the rest begins. The fields are those that the list can be
// ordered by.
func page[T any](c *call, all []T, fields map[string]func(T) string) (any, error) {
	s, ok := parseSpan(c.request.Header.Get("Range"))
	key := fields[s.field]
	if !ok || key == nil {
		return nil, &apiError{ID: "requested_range_not_satisfiable", Message: "The range cannot be satisfied."}
	}
	all = slices.DeleteFunc(all, func(item T) bool { return !s.holds(key(item)) })
	slices.SortFunc(all, func(a, b T) int { return s.compare(key(a), key(b)) })
	c.header.Set("Accept-Ranges", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	if len(all) == 0 {
		return all, nil
	}
	part := all[:min(len(all), s.max)]
	first, last := key(part[0]), key(part[len(part)-1])
	c.header.Set("Content-Range", s.field+" "+first+".."+last)
	if len(part) < len(all) {
		c.header.Set("Next-Range", s.next(last))
		c.status = http.StatusPartialContent
	}
	return part, nil
}

func (s span) next(after string) string {
	order := ""
	if s.descending {
		order = ", order=desc"
	}
	return fmt.Sprintf("%s ]%s..%s; max=%d%s", s.field, after, s.last, s.max, order)
}
