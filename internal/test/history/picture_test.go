package history

import (
	"bytes"
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

var redraw = flag.Bool("update", false, "draw docs/img/plain-put.html again")

func TestThePictureShowsWhatHappens(t *testing.T) {
	t.Parallel()
	h := newFixture(t, nil)
	s := h.stall(t, plainPut)
	drawn := draw(t, h.history(t), s)
	path := filepath.Join("..", "..", "..", "docs", "img", "plain-put.html")
	if *redraw {
		if err := os.WriteFile(path, drawn, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data(kept), data(drawn)) {
		t.Errorf("%s is not what is drawn now: run this test with -update and look at it", path)
	}
}

// data returns the part of a picture that is not porcupine's viewer.
func data(html []byte) []byte { return html[max(bytes.Index(html, []byte("const data =")), 0):] }

// draw returns porcupine's picture of the history, with the story beside it.
func draw(t *testing.T, operations []porcupine.Operation, s story) []byte {
	t.Helper()
	even(operations, &s)
	verdict, info := porcupine.CheckOperationsVerbose(model, operations, time.Minute)
	if verdict != porcupine.Illegal {
		t.Fatal(verdict)
	}
	info.AddAnnotations(annotations(operations, s))
	var html bytes.Buffer
	if err := porcupine.Visualize(model, info, &html); err != nil {
		t.Fatal(err)
	}
	return html.Bytes()
}

// annotations say who the clients are, what Heroku did and what is wrong.
func annotations(operations []porcupine.Operation, s story) []porcupine.Annotation {
	end := operations[len(operations)-2:] // the slow writer's put and the consumer's last read
	return []porcupine.Annotation{
		{ClientId: slow, Description: "slow writer"},
		{ClientId: fast, Description: "fast writer"},
		{ClientId: consumer, Description: "consumer"},
		{Tag: "Heroku", Description: "shows URL 1"},
		{Tag: "Heroku", Start: s.rotations[0], Description: "shows URL 2"},
		{Tag: "Heroku", Start: s.rotations[1], Description: "shows URL 3"},
		{ClientId: slow, Start: s.held, End: s.resumed, Description: "is given URL 2, and its network stalls", BackgroundColor: "#ffe9b0"},
		{Tag: "checker", Start: end[0].Call, End: end[1].Return, Description: "back to URL 2: not linearizable", BackgroundColor: "#ffc9c9"},
	}
}

// even sets all clocks to the order of the events, from 1 on, so that the same
// story makes the same picture. A rotation is drawn where the next event begins.
func even(operations []porcupine.Operation, s *story) {
	events := []*int64{&s.held, &s.resumed}
	for i := range operations {
		events = append(events, &operations[i].Call, &operations[i].Return)
	}
	slices.SortFunc(events, func(a, b *int64) int { return cmp.Compare(*a, *b) })
	for i, rotation := range s.rotations {
		next := slices.IndexFunc(events, func(at *int64) bool { return *at > rotation })
		s.rotations[i] = int64(next + 1)
	}
	for i, at := range events {
		*at = int64(i + 1)
	}
}
