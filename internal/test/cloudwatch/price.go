package cloudwatch

// List prices of us-east-1 in dollars, without what AWS gives for free.
//
// https://aws.amazon.com/cloudwatch/pricing/
// https://aws.amazon.com/secrets-manager/pricing/
const (
	MetricMonth    = 0.30          // a custom metric, by the hours in which it is written
	AlarmMonth     = 0.10          // for each metric that an alarm reads
	DashboardMonth = 3.00          // beyond three in an account
	LogByte        = 0.50 / 1e9    // taken into CloudWatch Logs
	SecretMonth    = 0.40          // a secret
	SecretCall     = 0.05 / 10_000 // a call of Secrets Manager
	HoursOfMonth   = 730           // as AWS counts
)
