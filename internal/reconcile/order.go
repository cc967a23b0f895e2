package reconcile

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
)

// inOrder orders the sources so that each comes first in some round, although every round may
// reach only the first of them, and nothing is remembered between rounds.
//
// The sources have ranks, account by account. Who comes first is whose rank agrees
// with the round's number in the most low bits. Among ranks in a row those that agree in k bits
// are one in 2^k, so a round that reaches N/2^k of N apps (rounded up) reaches all of
// these; and among 2^k rounds in a row there is one that agrees with a given rank in
// k bits. So if every round reaches at least B of N apps, each app is reached in any
// 2^k rounds in a row, where 2^k is the least power of two that is no less than N/B:
// in less than 2N/B. That holds for the apps of one account and its requests, for
// all of them and the time of a round, and only if no round of the row is lost.
func inOrder(sources map[Source][]Binding, number uint64) []Source {
	order := slices.SortedFunc(maps.Keys(sources), func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.TokenSecretID, b.TokenSecretID), cmp.Compare(a.App, b.App))
	})
	agree := make(map[Source]int, len(order))
	for rank, source := range order {
		agree[source] = bits.TrailingZeros64(uint64(rank) ^ number)
	}
	slices.SortStableFunc(order, func(a, b Source) int { return agree[b] - agree[a] })
	return order
}
