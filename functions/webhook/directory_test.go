package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepcurrent.example/internal/reconcile"
)

func secretOf(name, app string) reconcile.Secret {
	return reconcile.Secret{ARN: name, Name: name, Tags: map[string]string{reconcile.AppTag: app}}
}

// shelf is a Secrets Manager that counts its lists.
type shelf struct {
	secrets []reconcile.Secret
	more    bool // there are more than the first list shows
	err     error
	lists   int
}

func (s *shelf) directory(keep time.Duration) *directory {
	return &directory{
		Keep: keep,
		First: func(context.Context) ([]reconcile.Secret, bool, error) {
			s.lists++
			return s.secrets, !s.more, s.err
		},
		ForApps: func(context.Context, ...string) ([]reconcile.Secret, error) { // prefixes match, too
			s.lists++
			return s.secrets, s.err
		},
	}
}

func names(bindings []reconcile.Binding) string {
	var names []string
	for _, b := range bindings {
		names = append(names, b.Name)
	}
	return strings.Join(names, " ")
}

func TestDirectoryFindsByNameAndByID(t *testing.T) {
	t.Parallel()
	const id = "01234567-89ab-cdef-0123-456789abcdef"
	bad := secretOf("bad", "shop")
	bad.Tags[reconcile.FormatTag] = "xml"
	s := &shelf{secrets: []reconcile.Secret{secretOf("by-name", "shop"), secretOf("prefix", "shop-2"), secretOf("by-id", id), bad, secretOf("empty", "")}}
	d := s.directory(time.Hour)
	for range 2 {
		found, err := d.Find(t.Context(), "shop", id)
		if err != nil || names(found) != "by-name by-id bad" {
			t.Errorf("found %s, %v", names(found), err)
		}
	}
	if kept, all := d.Kept(t.Context(), "shop", id); !all || names(kept) != "by-name by-id bad" {
		t.Errorf("kept %s (all: %t)", names(kept), all)
	}
	if found, _ := d.Find(t.Context(), "", ""); len(found) != 0 {
		t.Error("an app without identity has bindings")
	}
}

func TestDirectoryNeedsNoListForWhatItPrefetched(t *testing.T) {
	t.Parallel()
	s := &shelf{secrets: []reconcile.Secret{secretOf("a", "shop")}}
	d := s.directory(time.Hour)
	if err := d.Prefetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept, all := d.Kept(t.Context(), "shop", "its-id"); !all || names(kept) != "a" || s.lists != 1 {
		t.Errorf("kept %s (all: %t) after %d lists", names(kept), all, s.lists)
	}
	if kept, all := d.Kept(t.Context(), "new-app"); all || len(kept) != 0 {
		t.Error("an app is called unbound without another list")
	}
}

func TestDirectoryDoesNotWaitForALongList(t *testing.T) {
	t.Parallel()
	s := &shelf{secrets: []reconcile.Secret{secretOf("a", "shop")}, more: true}
	d := s.directory(time.Hour)
	if err := d.Prefetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept, all := d.Kept(t.Context(), "shop"); all || len(kept) != 0 {
		t.Errorf("a part of the list is taken for all of it: %s", names(kept))
	}
	if found, err := d.Find(t.Context(), "shop"); err != nil || names(found) != "a" {
		t.Errorf("found %s, %v", names(found), err)
	}
	if kept, all := d.Kept(t.Context(), "shop"); !all || names(kept) != "a" {
		t.Errorf("kept %s (all: %t)", names(kept), all)
	}
	if kept, all := d.Kept(t.Context(), "blog"); all || len(kept) != 0 {
		t.Errorf("kept %s (all: %t) of an app that was never asked for", names(kept), all)
	}
}

func TestDirectoryForgetsWhatIsNoLongerBound(t *testing.T) {
	t.Parallel()
	s := &shelf{secrets: []reconcile.Secret{secretOf("a", "shop"), secretOf("b", "blog")}}
	d := s.directory(time.Hour)
	if err := d.Prefetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.secrets = []reconcile.Secret{secretOf("c", "shop")}
	if found, _ := d.Find(t.Context(), "shop"); names(found) != "c" {
		t.Errorf("found %s", names(found))
	}
	if kept, _ := d.Kept(t.Context(), "shop"); names(kept) != "c" {
		t.Errorf("kept %s", names(kept))
	}
	if kept, _ := d.Kept(t.Context(), "blog"); names(kept) != "b" {
		t.Errorf("another app's bindings are gone: %s", names(kept))
	}
}

func TestDirectoryTakesAListForAllThereIsNoLongerThanItKeepsIt(t *testing.T) {
	t.Parallel()
	tests := map[string]func(context.Context, *directory) error{
		"a list of all apps": func(ctx context.Context, d *directory) error { return d.Prefetch(ctx) },
		"a list of one app":  func(ctx context.Context, d *directory) error { _, err := d.Find(ctx, "shop"); return err },
	}
	for name, list := range tests {
		synctest.Test(t, func(t *testing.T) {
			d := (&shelf{secrets: []reconcile.Secret{secretOf("a", "shop")}}).directory(time.Minute)
			if err := list(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute - time.Nanosecond)
			if kept, all := d.Kept(t.Context(), "shop"); !all || names(kept) != "a" {
				t.Errorf("%s, fresh: %s (all: %t)", name, names(kept), all)
			}
			time.Sleep(time.Nanosecond)
			if kept, all := d.Kept(t.Context(), "shop"); all || names(kept) != "a" {
				t.Errorf("%s, old: %s (all: %t)", name, names(kept), all)
			}
		})
	}
}

func TestDirectoryWithoutAList(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	d := (&shelf{err: away}).directory(time.Hour)
	if err := d.Prefetch(t.Context()); !errors.Is(err, away) {
		t.Error(err)
	}
	if _, err := d.Find(t.Context(), "shop"); !errors.Is(err, away) {
		t.Error(err)
	}
}
