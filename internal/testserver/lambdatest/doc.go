// Package lambdatest runs compiled Lambda functions as Lambda runs them: as
// processes that fetch their work from the Lambda Runtime API.
//
// [Build] compiles a function into the "bootstrap" of the provided.al2023
// runtime. [Start] makes a [Function] of it: a Runtime API on a loopback
// address and, on demand, the processes that ask it for invocations.
// [HTTPAPI] is an API Gateway HTTP API in front of a function.
//
// What works as on Lambda:
//
//   - The Runtime API: next, response, error.
//     https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
//   - One process works on one invocation at a time. It is started when no
//     idle one is left (a cold start) and stays for the next invocation.
//     https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
//   - A process that takes too long is killed, and its invocation fails with
//     Sandbox.Timedout; one that exits fails it with Runtime.ExitError.
//   - A process inherits no variable. It has those of its configuration and, of
//     those that Lambda adds, AWS_LAMBDA_RUNTIME_API, AWS_LAMBDA_FUNCTION_NAME
//     and TZ.
//     https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
//   - A payload and a response may have 6 MB each.
//     https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
//
// What is different: Lambda refuses an invocation if all processes are busy, and here
// the invocation waits. Lambda tries a failed initialization a second time.
//
// A process of a function ends soon after this one, even if this one is killed: the
// runtime client of aws-lambda-go exits when it loses its Runtime API. Only a process
// whose handler never returns would stay.
package lambdatest
