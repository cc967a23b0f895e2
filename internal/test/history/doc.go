// Package history has only tests. They record the calls to Secrets Manager while many
// writers update the same secrets, and porcupine
// (https://github.com/anishathalye/porcupine) decides whether the history is
// linearizable: whether its calls could have happened one after the other on this
// register, each at one moment between its beginning and its end.
//
// The register of a secret is the version with AWSCURRENT and the number of the URL in
// it: its place in the sequence of URLs that Heroku showed. A secret that holds others
// beside has the numbers of two URLs, and a count of another writer.
//
//   - a swap from the fence to a version moves the register if the fence has
//     AWSCURRENT, and is refused if it does not
//   - a put without a label moves it without asking
//   - a put under a label moves it only if there is no version yet
//   - a read returns it
//   - it never moves to an older URL
//   - each move changes one URL, or adds one to the count
//
// The first four are AWS's rules; see package secretstest. The last two are the promise
// of this project, and the reason for the fence. A call without an answer may have been
// carried out, or be carried out later, or never: its end is at infinity. The clients try
// again, so both tries of a request may be carried out, also at once or in the wrong order.
//
// The writers are packages reconcile and secrets, over HTTP and the AWS SDK. Four more
// writers are wrong in one point each, and the checker must refuse their histories: a
// check that never fails proves nothing.
package history
