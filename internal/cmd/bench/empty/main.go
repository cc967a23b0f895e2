// Empty is the smallest Lambda function in Go, for the benchmark of the cold start.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(func(context.Context) error { return nil }) }
