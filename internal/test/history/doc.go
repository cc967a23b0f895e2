// Package history has no code but tests. They record what happens at Secrets
// Manager while many writers keep the same secrets, and have porcupine
// (https://github.com/anishathalye/porcupine) judge whether the history is
// linearizable: whether its calls, each at one moment between its beginning and its end, could
// have happened one after the other on this register.
//
// The register of a secret is the version that holds AWSCURRENT and the number
// of the URL in it: its place in the sequence of URLs that Heroku showed.
//
//   - a swap from the fence to a version moves the register if the fence
//     holds it, and is refused if it does not
//   - a put without a label moves it without asking
//   - a put under a label moves it only if there is no version yet
//   - a read tells what it is
//   - whatever moves it, it never moves to a URL that is older
//
// The first four are AWS's rules, see package secretstest. The last one is the
// promise of this project, and the reason for the fence. A call without an answer
// may have been carried out, or be carried out later, or never: its end is at
// infinity.
//
// The writers are package reconcile's core and package secrets, over HTTP and the
// AWS SDK. Beside them are three that are wrong in one point each, and the
// checker must refuse what they do: a check that nothing fails proves nothing.
package history
