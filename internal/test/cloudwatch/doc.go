// Package cloudwatch is for tests: it reads the alarms of the template, reads embedded
// metrics from a log, and applies the alarms' rules to metrics as AWS documents it.
//
// What it does not have: alarms on an expression, missing data that is treated as missing,
// values that arrive late, and periods that do not begin on the clock. CloudWatch itself
// has not evaluated these alarms.
package cloudwatch
