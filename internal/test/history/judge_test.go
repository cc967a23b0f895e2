package history

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// at makes an operation on one secret that lasts from one tick to another.
func at(begin, end int64, c call, a answer) porcupine.Operation {
	if a.Lost {
		end = forever
	}
	return porcupine.Operation{Input: c, Call: begin, Output: a, Return: end}
}

// counts is a swap from the first version to one with these contents.
func counts(epoch, follower, count int) call {
	return call{Kind: swap, From: "v1", To: "v2", Epoch: epoch, Follower: follower, Count: count}
}

func TestTheModelKnowsRightFromWrong(t *testing.T) {
	t.Parallel()
	var (
		moved, refused, lost = answer{Moved: true}, answer{}, answer{Lost: true}
		reads                = call{Kind: read}
		v1, v2               = answer{Version: "v1"}, answer{Version: "v2"}
		first                = at(1, 2, call{Kind: stage, To: "v1", Epoch: 5}, moved)
		newer                = call{Kind: swap, From: "v1", To: "v2", Epoch: 6}
		counted              = at(1, 2, call{Kind: stage, To: "v1", Epoch: 5, Count: 1}, moved)
		older                = call{Kind: swap, From: "v1", To: "v2", Epoch: 4}
	)
	for _, test := range []struct {
		name    string
		history []porcupine.Operation
		legal   bool
	}{
		{"an empty secret reads as empty", []porcupine.Operation{at(1, 2, reads, answer{})}, true},
		{"the first version becomes current", []porcupine.Operation{first, at(3, 4, reads, v1)}, true},
		{"a later one is only staged", []porcupine.Operation{first, at(3, 4, call{Kind: stage, To: "v2", Epoch: 6}, refused), at(5, 6, reads, v1)}, true},
		{"a later one becomes current", []porcupine.Operation{first, at(3, 4, call{Kind: stage, To: "v2", Epoch: 6}, moved)}, false},
		{"a swap from the holder", []porcupine.Operation{first, at(3, 4, newer, moved), at(5, 6, reads, v2)}, true},
		{"a swap from another version", []porcupine.Operation{first, at(3, 4, call{Kind: swap, From: "v0", To: "v2", Epoch: 6}, moved)}, false},
		{"two swaps from one fence", []porcupine.Operation{first, at(3, 9, newer, moved), at(3, 9, call{Kind: swap, From: "v1", To: "v3", Epoch: 6}, moved)}, false},
		{"a refusal though the fence has it", []porcupine.Operation{first, at(3, 4, newer, refused)}, false},
		{"a refusal because the fence is gone", []porcupine.Operation{first, at(3, 4, newer, moved), at(5, 6, newer, refused)}, true},
		{"a swap to an older URL", []porcupine.Operation{first, at(3, 4, older, moved)}, false},
		{"a plain put of a newer URL", []porcupine.Operation{first, at(3, 4, call{Kind: put, To: "v2", Epoch: 6}, moved)}, true},
		{"a plain put of an older URL", []porcupine.Operation{first, at(3, 4, call{Kind: put, To: "v2", Epoch: 4}, moved)}, false},
		{"a read of what was replaced before", []porcupine.Operation{first, at(3, 4, newer, moved), at(5, 6, reads, v1)}, false},
		{"reads of what is being replaced", []porcupine.Operation{first, at(3, 9, newer, moved), at(4, 5, reads, v1), at(6, 7, reads, v2)}, true},
		{"reads that go back", []porcupine.Operation{first, at(3, 9, newer, moved), at(4, 5, reads, v2), at(6, 7, reads, v1)}, false},
		{"a refused read of what was replaced before", []porcupine.Operation{first, at(3, 4, newer, moved), at(5, 6, call{Kind: read, From: "v1"}, answer{Refused: true})}, true},
		{"a refused read of what is current", []porcupine.Operation{first, at(3, 4, call{Kind: read, From: "v1"}, answer{Refused: true})}, false},
		{"a read of another URL than was put", []porcupine.Operation{first, at(3, 4, reads, answer{Version: "v1", Epoch: 6})}, false},
		{"a lost swap that was done", []porcupine.Operation{first, at(3, 4, newer, lost), at(5, 6, reads, v2)}, true},
		{"a lost swap that was done late", []porcupine.Operation{first, at(3, 4, newer, lost), at(5, 6, reads, v1), at(7, 8, reads, v2)}, true},
		{"a lost swap that was never done", []porcupine.Operation{first, at(3, 4, newer, lost), at(5, 6, reads, v1)}, true},
		{"a lost swap to an older URL that shows", []porcupine.Operation{first, at(3, 4, older, lost), at(5, 6, reads, v2)}, false},
		{"a lost plain put that shows", []porcupine.Operation{first, at(3, 4, call{Kind: put, To: "v2", Epoch: 6}, lost), at(5, 6, reads, v2)}, true},
		{"a count beside the URL", []porcupine.Operation{first, at(3, 4, counts(5, 0, 1), moved), at(5, 6, reads, v2)}, true},
		{"a count that skips one", []porcupine.Operation{first, at(3, 4, counts(5, 0, 2), moved)}, false},
		{"a count together with a newer URL", []porcupine.Operation{first, at(3, 4, counts(6, 0, 1), moved)}, false},
		{"a newer URL that loses a count", []porcupine.Operation{counted, at(3, 4, newer, moved)}, false},
		{"a newer URL beside a count", []porcupine.Operation{counted, at(3, 4, counts(6, 0, 1), moved)}, true},
		{"a second URL beside the first", []porcupine.Operation{first, at(3, 4, counts(5, 6, 0), moved)}, true},
		{"two newer URLs at once", []porcupine.Operation{first, at(3, 4, counts(6, 6, 0), moved)}, false},
		{"secrets do not share a register", []porcupine.Operation{first, at(3, 4, call{Kind: read, Secret: "another"}, answer{})}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if legal := judge(test.history) == porcupine.Ok; legal != test.legal {
				t.Errorf("linearizable: %t, want %t", legal, test.legal)
			}
		})
	}
}
