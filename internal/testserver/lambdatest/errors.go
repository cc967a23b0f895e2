package lambdatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

var (
	errClosed = errors.New("lambdatest: the function is closed")
	// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
	errTooLarge = fmt.Errorf("lambdatest: RequestTooLargeException: the payload has more than %d bytes", maxPayload)
)

// FunctionError is the error of an invocation that failed in the function: the
// function's own error, or the end of its process.
type FunctionError struct {
	Type    string // such as Runtime.ExitError, Sandbox.Timedout or the type of a Go error
	Message string
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// reported reads the error that a function reported, as JSON.
func reported(raw []byte) *FunctionError {
	var fields struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	_ = json.Unmarshal(raw, &fields) // what is no JSON has no type
	return &FunctionError{Type: fields.Type, Message: fields.Message}
}

// The errors that Lambda itself reports.

func timedOut(requestID string, limit time.Duration) *FunctionError {
	return &FunctionError{"Sandbox.Timedout",
		fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, limit.Seconds())}
}

func ended(requestID string, state *os.ProcessState) *FunctionError {
	reason := "Runtime exited without providing a reason"
	if !state.Success() {
		reason = "Runtime exited with error: " + state.String()
	}
	return &FunctionError{"Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %s", requestID, reason)}
}

func responseTooLarge() *FunctionError {
	return &FunctionError{"Function.ResponseSizeTooLarge",
		fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxPayload)}
}
