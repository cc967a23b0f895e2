// Package history has only tests. They let many writers update the same secrets, and record
// every call to Secrets Manager with its beginning and its end. Then porcupine
// (https://github.com/anishathalye/porcupine) decides whether the history is linearizable:
// whether there is an order of the calls, each at one moment between its beginning and its
// end, in which every answer follows the rules below.
//
// The rules are about one register for each secret. It holds the version that has AWSCURRENT,
// and the number of the URL in that version: URLs are numbered in the order in which Heroku
// showed them. For a secret with several keys the register holds the numbers of two URLs, and
// a count that another writer increases.
//
//   - a swap from the fence to a version moves the register if the fence has AWSCURRENT, and
//     is refused if it does not
//   - a put without a label moves it without asking
//   - a put under a label moves it only if there is no version yet
//   - a read returns it
//   - it never moves to an older URL
//   - each move changes one URL, or adds one to the count
//
// The first four are AWS's rules; see package secretstest. The last two are the promise of
// this project, and the reason for the fence. A call without an answer may have been carried
// out, or be carried out later, or never, so its end is at infinity. The clients try again, so
// both tries of a request may be carried out, also at once or in the wrong order.
//
// The writers are packages reconcile and secrets, over HTTP and the AWS SDK. Four more writers
// are wrong in one point each, and the checker must refuse their histories: a check that never
// fails proves nothing.
package history
