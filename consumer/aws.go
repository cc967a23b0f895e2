package consumer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/smithy-go"
)

// unread says why the secret could not be read and what to do. It takes over only what
// cannot quote a response: AWS's own error, a network error, or the end of the context.
// net/http quotes a malformed response, and a decoder could.
func unread(err error) error {
	cause, advice := safe(err), adviceOn(err)
	switch {
	case advice == "" && cause == nil:
		return errors.New("the connection to Secrets Manager broke off, or its answer could not be understood")
	case advice == "":
		return cause
	case cause == nil:
		return errors.New(advice)
	}
	return fmt.Errorf("%s: %w", advice, cause)
}

func safe(err error) error {
	var api smithy.APIError
	var network *net.OpError
	switch {
	case errors.As(err, &api):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &network):
		return network
	}
	return nil
}

// adviceOn returns what to do about an error of the SDK, "" if there is nothing to say. The SDK
// has no types for a missing Region and for missing credentials, only texts.
func adviceOn(err error) string {
	var api smithy.APIError
	text := err.Error()
	switch {
	case strings.Contains(text, "get credentials:") && strings.Contains(text, "SSO"):
		return "there is no session of AWS's single sign-on, or it has expired: run aws sso login, with the --profile that this program uses"
	case strings.Contains(text, "get credentials:"):
		return "the AWS SDK got no credentials: give the task, the pod or the function a role; on your own machine set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	case strings.Contains(text, "Missing Region"):
		return "the AWS SDK knows no Region: set AWS_REGION to the secret's"
	case errors.As(err, &api):
		return adviceOnCode(api.ErrorCode(), api.ErrorMessage())
	}
	return ""
}

// adviceOnCode is about the errors of
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html and
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html.
func adviceOnCode(code, message string) string {
	message = strings.ToLower(message)
	switch code {
	case "AccessDeniedException":
		if strings.Contains(message, "kms") {
			return "allow kms:Decrypt for the key of the secret"
		}
		return "allow secretsmanager:GetSecretValue for the secret, and kms:Decrypt if it has a key of its own"
	case "DecryptionFailure":
		return "the secret's KMS key does not decrypt it: check that the key is enabled and that kms:Decrypt is allowed"
	case "ResourceNotFoundException":
		if strings.Contains(message, "staging label") {
			return "the secret has no value yet: keepcurrent writes the first one at its next poll"
		}
		return "check the secret's name, the Region and the account"
	case "InvalidRequestException":
		if strings.Contains(message, "delet") {
			return "the secret is marked for deletion: aws secretsmanager restore-secret brings it back"
		}
	case "ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId", "IncompleteSignature", "InvalidSignatureException", "SignatureDoesNotMatch":
		return "AWS does not accept the credentials of this program: renew them, and check the clock"
	}
	return ""
}
