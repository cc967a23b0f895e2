package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// story prints what happens as it happens.
type story struct {
	out      io.Writer
	began    time.Time
	chapters int
	lines    []line
}

// line is a line of the table at the end.
type line struct {
	what string
	by   string        // what put it right
	down time.Duration // how long the consumer was
	kept bool          // the promise was
}

func newStory(out io.Writer) *story {
	fmt.Fprint(out, "keepcurrent: a secret in AWS that stays equal to a Heroku Postgres URL.\n"+
		"Everything below happens on this machine, on real servers, as you read it.\n\n")
	return &story{out: out, began: time.Now()}
}

func (s *story) clock() string { return fmt.Sprintf("%.2f s", time.Since(s.began).Seconds()) }

// stage shows where everything is.
func (s *story) stage(shop *shop) {
	address := strings.Split(strings.Split(shop.db.URL(), "@")[1], "/")[0]
	fmt.Fprintf(s.out, "\n"+
		"  Heroku   Platform API, app %-8s %s\n"+
		"  Postgres its database, TLS only     %s\n"+
		"  AWS      Secrets Manager            %s\n"+
		"  Lambda   webhook                    %s\n"+
		"           poller                     on a schedule\n",
		shop.app.Name, shop.Heroku.URL, address, shop.Secrets.URL, shop.URL)
}

func (s *story) chapter(title string) {
	s.chapters++
	fmt.Fprintf(s.out, "\n%d. %s\n", s.chapters, title)
}

func (s *story) tell(format string, args ...any) {
	fmt.Fprintf(s.out, "%7s  %s\n", s.clock(), fmt.Sprintf(format, args...))
}

// end prints the table, and fails if the promise was broken.
func (s *story) end(shop *shop) error {
	fmt.Fprintf(s.out, "\n  %-34s %-14s %s\n", "what happened", "consumer down", "put right by")
	fmt.Fprintf(s.out, "  %s\n", strings.Repeat("─", 62))
	for _, l := range s.lines {
		down := "–"
		if l.down > 0 {
			down = milliseconds(l.down)
		}
		fmt.Fprintf(s.out, "  %-34s %-14s %s\n", l.what, down, l.by)
	}
	if err := s.broken(shop); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n  the consumer ran %d queries; %d failed, all while the old credential was dead\n"+
		"  AWSCURRENT took %d values, and none of them twice\n\n"+
		"  The promise held: never backwards, never worse, never empty, soon, and silent. (%s)\n",
		shop.consumer.ok+shop.consumer.failed, shop.consumer.failed, len(shop.watcher.urls), s.clock())
	return nil
}

// broken returns the points in which the promise was broken.
func (s *story) broken(shop *shop) error {
	var errs []error
	for _, l := range s.lines {
		if !l.kept {
			errs = append(errs, fmt.Errorf("%s: not as promised", l.what))
		}
	}
	if shop.watcher.backwards() {
		errs = append(errs, errors.New("AWSCURRENT went back to an older URL"))
	}
	if n := shop.consumer.outage.failed; n > 0 {
		errs = append(errs, fmt.Errorf("%d queries failed although the secret was right", n))
	}
	for _, leak := range shop.Leaks() {
		errs = append(errs, errors.New("a credential leaked: "+leak))
	}
	if len(errs) > 0 {
		return fmt.Errorf("THE PROMISE WAS BROKEN: %w", errors.Join(errs...))
	}
	return nil
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
