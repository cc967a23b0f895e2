package secretstest_test

import (
	"errors"
	"fmt"
	"sync"

	"github.com/aws/smithy-go"
)

// raceCases are about calls at the same time.
var raceCases = []conformanceCase{
	{name: "race: of 50 equal swaps one wins", source: docStage, burst: true, run: func(x *trial) {
		from := x.create("0")
		for round := range 4 {
			to := x.put(fmt.Sprint(round), candidate)
			errs := together(50, func(int) error { return x.move(current, from, to) })
			equal("winners", count(errs, ""), 1)
			equal("losers", count(errs, invalidParameter), 49)
			equal("current", *must(x.get(x.name, "", current)).VersionId, to)
			from = to
		}
	}},
	{name: "race: of 15 candidates one becomes current", source: docStage, burst: true, run: func(x *trial) {
		first := x.create("first")
		versions := make([]string, 15)
		for i := range versions {
			versions[i] = x.put(fmt.Sprint(i), fmt.Sprint("C", i))
		}
		errs := together(15, func(i int) error { return x.move(current, first, versions[i]) })
		equal("winners", count(errs, ""), 1)
		for i, err := range errs {
			if err == nil {
				equal("current", x.value("", current), fmt.Sprint(i))
			}
		}
		equal("previous", x.value("", previous), "first")
	}},
	{name: "race: readers see a value at every moment of the swaps", source: docStage, burst: true, run: func(x *trial) {
		first, second := x.pair()
		errs := together(5, func(i int) error {
			for range 20 {
				if i > 0 {
					if _, err := x.get(x.name, "", current); err != nil {
						return err
					}
					continue
				}
				if err := x.move(current, first, second); err != nil {
					return err
				}
				first, second = second, first
			}
			return nil
		})
		ok(errors.Join(errs...))
	}},
	{name: "race: 50 puts of one token and value make one version", source: docPut, burst: true, run: func(x *trial) {
		first, token := x.create("one"), newToken()
		ok(errors.Join(together(50, func(int) error { return x.putAs(token, "two") })...))
		x.hasLabels(map[string]string{current: token, previous: first})
		equal("versions", x.versions(true), sorted(first, token))
	}},
	{name: "race: of 50 puts of one token and other values one wins", source: docPut, burst: true, run: func(x *trial) {
		first, token := x.create("one"), newToken()
		errs := together(50, func(i int) error { return x.putAs(token, fmt.Sprint(i)) })
		equal("winners", count(errs, ""), 1)
		equal("losers", count(errs, exists), 49)
		for i, err := range errs {
			if err == nil {
				equal("value", x.value(token, ""), fmt.Sprint(i))
			}
		}
		x.hasLabels(map[string]string{current: token, previous: first})
	}},
}

// together makes n calls at once and returns their errors.
func together(n int, call func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var callers sync.WaitGroup
	for i := range n {
		callers.Go(func() {
			<-start
			errs[i] = call(i)
		})
	}
	close(start)
	callers.Wait()
	return errs
}

// count counts the errors of a kind, or the successes if the kind is empty.
func count(errs []error, kind string) (n int) {
	for _, err := range errs {
		var api smithy.APIError
		if err == nil && kind == "" || errors.As(err, &api) && api.ErrorCode() == kind {
			n++
		}
	}
	return n
}
