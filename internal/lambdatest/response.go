package lambdatest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
)

// respond writes a function's answer, in payload format 2.0, as HTTP. If it
// gives an error nothing has been written yet.
func respond(w http.ResponseWriter, result []byte) error {
	response, err := parseResponse(result)
	if err != nil {
		return err
	}
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(response.Body); err != nil {
			return fmt.Errorf("decode the body: %w", err)
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain;charset=UTF-8")
	for name, value := range response.Headers {
		h.Set(name, value)
	}
	for _, cookie := range response.Cookies {
		h.Add("Set-Cookie", cookie)
	}
	w.WriteHeader(response.StatusCode)
	w.Write(body)
	return nil
}

// parseResponse reads a function's answer. JSON without a status code is the
// body of a 200, which is how format 2.0 treats it.
func parseResponse(result []byte) (events.APIGatewayV2HTTPResponse, error) {
	var response events.APIGatewayV2HTTPResponse
	if !json.Valid(result) {
		return response, errors.New("the answer is not JSON")
	}
	var has struct{ StatusCode *json.RawMessage }
	if json.Unmarshal(result, &has) != nil || has.StatusCode == nil {
		response.StatusCode = http.StatusOK
		response.Headers = map[string]string{"Content-Type": jsonContentType}
		response.Body = string(result)
		return response, nil
	}
	if err := json.Unmarshal(result, &response); err != nil {
		return response, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode > 599 {
		return response, fmt.Errorf("status code %d", response.StatusCode)
	}
	return response, nil
}
