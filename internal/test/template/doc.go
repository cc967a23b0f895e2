// Package template has only tests. They check template.yaml against the rules of the
// project.
//
// cfn-lint knows what CloudFormation accepts. It does not know the promises of this
// project: AWS itself keeps the functions away from secrets without the tag heroku:app,
// the functions may not delete a secret, a deployment never puts an old value into a
// secret, Lambda runs what `make zips` makes, no parameter breaks a limit of CloudWatch's,
// and every alarm measures a metric that is written and names its section of the runbook.
//
// The other tests package the template with the AWS CLI, translate it with the SAM transform
// for some sets of parameters, and evaluate what comes out: which resources are made, what
// outlives the stack, and what a simulator of IAM allows.
//
// For the first tests the template is read as YAML nodes, so that the short forms (!Ref, !Sub,
// !GetAtt) stay what they are.
package template
