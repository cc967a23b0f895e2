// Package template holds nothing but tests: they hold template.yaml to the rules
// of the project.
//
// cfn-lint knows what CloudFormation accepts. It does not know what this project
// promises: that AWS itself keeps the functions away from secrets without the
// tag heroku:app, that they could not delete one if they wanted to, that a
// deployment never puts an old value into a secret, that what `sam build` makes
// is what Lambda runs, that no parameter breaks a limit of CloudWatch's, and that
// every alarm measures what is written and names its section of the runbook.
//
// The template is read as YAML nodes, so that the short forms (!Ref, !Sub,
// !GetAtt) stay what they are.
package template
