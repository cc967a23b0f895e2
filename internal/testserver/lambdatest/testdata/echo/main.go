// Echo is a function that does what its payload says; it can also fail in several ways.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type request struct {
	Do   string `json:"do"`
	Text string `json:"text"`
	events.APIGatewayV2HTTPRequest
}

func main() {
	fmt.Println("cold start")
	if os.Getenv("INIT") == "exit" {
		os.Exit(3)
	}
	if address := os.Getenv("HOLD"); address != "" {
		if _, err := net.Dial("tcp", address); err != nil {
			panic(err)
		}
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, r request) (any, error) {
	switch r.Do {
	case "echo":
		fmt.Println("to stdout:", r.Text)
		fmt.Fprintln(os.Stderr, "to stderr:", r.Text)
		return r.Text, nil
	case "describe":
		return describe(ctx), nil
	case "error":
		return nil, errors.New(r.Text)
	case "panic":
		panic(r.Text)
	case "exit":
		os.Exit(len(r.Text))
	case "hang":
		select {}
	case "meet":
		return meet(r.Text)
	case "swell":
		return strings.Repeat("x", 7<<20), nil
	case "": // comes from an HTTP API
		return events.APIGatewayV2HTTPResponse{StatusCode: 201, Body: r.Body}, nil
	}
	return nil, errors.New("unknown deed")
}

// describe tells what the function knows of its invocation and environment.
func describe(ctx context.Context) any {
	at, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"request":  at.AwsRequestID,
		"function": at.InvokedFunctionArn,
		"deadline": deadline,
		"environ":  os.Environ(),
	}
}

// meet connects to an address and waits there for an answer.
func meet(address string) (int, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	leave, err := io.ReadAll(conn)
	return len(leave), err
}
