// Package cloudwatch evaluates the template's alarms for tests, as AWS documents it: it reads
// the alarms from the template and the embedded metrics from a log, and returns the states
// that the alarms would have.
//
// What it does not have: alarms on an expression, missing data that is treated as missing,
// values that arrive late, and periods that do not begin on the clock. CloudWatch itself
// has not evaluated these alarms.
package cloudwatch
