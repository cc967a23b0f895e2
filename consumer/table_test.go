package consumer_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// table is what the rotations did to each way; docs/consumers.md has its main columns.
// Three numbers are the median, the 95th percentile and the largest.
func table(ways []way, outcomes []outcome) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d rotations; this package's pool answered %d queries a second\n", len(outcomes), view{outcomes, 0}.rate())
	if outcomes[0].moved.Before(outcomes[0].killed) {
		text.WriteString("with a grace time: the old credential was killed after this package's pool had moved\n")
	} else {
		fmt.Fprintf(&text, "from the kill to AWSCURRENT: %s\n", spread(each(outcomes, func(o outcome) time.Duration { return o.moved.Sub(o.killed) })))
	}
	fmt.Fprintf(&text, "one read and one login: %s\n\n", spread(each(outcomes, func(o outcome) time.Duration { return o.login })))
	text.WriteString("| how the secret is read | rotations with a failed query | well again | failed queries of one | when they failed, after the kill | " +
		"longest time without an answer | slowest answer | errors |\n|---|---|---|---|---|---|---|---|\n")
	for i, way := range ways {
		v := view{outcomes, i}
		again := v.count(func(queries []query) bool { return len(failures(queries[max(0, len(queries)-workers):])) == 0 })
		more := "" // than was watched
		if again == 0 {
			more = "> "
		}
		fmt.Fprintf(&text, "| %s | %d | %d | %s | %s | %s%s | %s | %s |\n", way.name,
			v.count(func(queries []query) bool { return len(failures(queries)) > 0 }), again,
			spread(each(outcomes, func(o outcome) int { return len(failures(o.queries[i])) })),
			spread(v.delays()),
			more, spread(each(outcomes, func(o outcome) time.Duration { return silence(o.queries[i]) })),
			spread(each(outcomes, func(o outcome) time.Duration { return slowest(o.queries[i]) })),
			v.errors())
	}
	return text.String()
}

// view is one way in all rotations.
type view struct {
	outcomes []outcome
	way      int
}

func (v view) count(is func([]query) bool) (n int) {
	for _, o := range v.outcomes {
		if is(o.queries[v.way]) {
			n++
		}
	}
	return n
}

// rate is how many queries succeeded in each second that was watched.
func (v view) rate() int {
	good, seconds := 0, 0.0
	for _, o := range v.outcomes {
		queries := o.queries[v.way]
		good += len(queries) - len(failures(queries))
		seconds += queries[len(queries)-1].ended.Sub(queries[0].began).Seconds()
	}
	return int(float64(good) / seconds)
}

// delays are the times from the kill to the end of each failed query.
func (v view) delays() (delays []time.Duration) {
	for _, o := range v.outcomes {
		for _, q := range failures(o.queries[v.way]) {
			delays = append(delays, q.ended.Sub(o.killed))
		}
	}
	return delays
}

// errors counts what the failed queries said.
func (v view) errors() string {
	kinds := make(map[string]int)
	for _, o := range v.outcomes {
		for _, q := range failures(o.queries[v.way]) {
			kind := "connection lost"
			var answer *pgconn.PgError
			if errors.As(q.err, &answer) {
				kind = answer.Code
			}
			kinds[kind]++
		}
	}
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		list = append(list, fmt.Sprintf("%s: %d", kind, kinds[kind]))
	}
	return strings.Join(list, ", ")
}

func failures(queries []query) []query {
	return slices.DeleteFunc(slices.Clone(queries), func(q query) bool { return q.err == nil })
}

// silence is the longest time in which no query succeeded.
func silence(queries []query) (longest time.Duration) {
	queries = slices.Clone(queries)
	slices.SortFunc(queries, func(a, b query) int { return a.ended.Compare(b.ended) })
	since := queries[0].ended
	for _, q := range queries {
		longest = max(longest, q.ended.Sub(since))
		if q.err == nil {
			since = q.ended
		}
	}
	return longest
}

func slowest(queries []query) (longest time.Duration) {
	for _, q := range queries {
		if q.err == nil {
			longest = max(longest, q.ended.Sub(q.began))
		}
	}
	return longest
}

func each[N any](outcomes []outcome, of func(outcome) N) (all []N) {
	for _, o := range outcomes {
		all = append(all, of(o))
	}
	return all
}

// spread is the median, the 95th percentile and the largest.
func spread[N cmp.Ordered](all []N) string {
	if len(all) == 0 {
		return "–"
	}
	slices.Sort(all)
	at := func(percent int) string {
		n := all[(len(all)-1)*percent/100]
		if d, ok := any(n).(time.Duration); ok {
			return fmt.Sprintf("%d ms", d.Milliseconds())
		}
		return fmt.Sprint(n)
	}
	return at(50) + " / " + at(95) + " / " + at(100)
}
