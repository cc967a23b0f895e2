package consumer

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/aws/smithy-go"
)

// unread says why the secret could not be read and what to do. It takes over only what
// cannot quote a response.
func unread(err error) error {
	cause, advice := safe(err), adviceOn(err)
	switch {
	case advice == "" && cause == nil:
		return errors.New("the connection to Secrets Manager broke off, or its answer could not be understood: check the network, and HTTPS_PROXY if it is set")
	case advice == "":
		return cause
	case cause == nil:
		return errors.New(advice)
	}
	return fmt.Errorf("%s: %w", advice, cause)
}

// safe returns AWS's own error, one of the network or of a process, or the end of the
// context; nil if the error is none of these. net/http quotes a malformed response, and
// the SDK what a process prints.
func safe(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return err
	}
	if network := networkError(err); network != nil {
		return network
	}
	var process *exec.ExitError
	if errors.As(err, &process) {
		return process
	}
	return nil
}

// adviceOn returns what to do about an error of the SDK, "" if there is nothing to say. The SDK
// has types for few of these errors, so their texts decide.
func adviceOn(err error) string {
	text, _, _ := strings.Cut(err.Error(), "api error ") // the rest is AWS's message, which names roles and secrets
	var api smithy.APIError
	var answer interface{ HTTPStatusCode() int }
	var certificate *tls.CertificateVerificationError
	switch {
	case strings.Contains(text, "get credentials:"):
		return adviceOnCredentials(err, text)
	case errors.As(err, &api) && api.ErrorCode() != "UnknownError":
		return adviceOnCode(api.ErrorCode(), api.ErrorMessage())
	case errors.As(err, &certificate):
		return "the certificate of Secrets Manager's address is not trusted: if a proxy ends TLS, name the file with its certificate in AWS_CA_BUNDLE"
	case errors.As(err, &answer) && answer.HTTPStatusCode() > 0:
		return fmt.Sprintf("an answer with HTTP %d that was cut, or is not Secrets Manager's: check AWS_ENDPOINT_URL and HTTPS_PROXY, if they are set", answer.HTTPStatusCode())
	}
	for _, known := range settings {
		if strings.Contains(text, known.text) {
			return known.advice
		}
	}
	return ""
}

// settings are what the SDK says about settings of this machine.
var settings = []struct{ text, advice string }{
	{"Missing Region", "the AWS SDK knows no Region: set AWS_REGION to the secret's"},
	{"invalid input region", "AWS_REGION, or the Region of the profile, is no Region's name"},
	{"unsupported protocol scheme", noAddress},
	{"Failed to parse uri", noAddress},
	{"gave HTTP response to HTTPS client", "the address of Secrets Manager answers without TLS: check AWS_ENDPOINT_URL, and HTTPS_PROXY if it is set"},
	{"invalid header field value", "the AWS credentials have a blank or a line end in them: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"},
}

const noAddress = "the address of Secrets Manager is none that begins with https:// or http://: check AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SECRETS_MANAGER"

// credentialVariables are where the SDK looks for credentials first.
var credentialVariables = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
}

// adviceOnCredentials is about the SDK's text on credentials that it could not get.
func adviceOnCredentials(err error, text string) string {
	nothing := "the AWS SDK got no credentials"
	var set []string
	for _, name := range credentialVariables {
		if os.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	if set != nil {
		nothing += " from " + strings.Join(set, ", ")
	}
	var network *net.OpError
	cause := safe(err)
	switch {
	case strings.Contains(text, "process provider error"): // before the others: it can quote anything
		return nothing + ": its credential_process fails"
	case strings.Contains(text, "SSO") && !strings.Contains(err.Error(), "api error Forbidden"):
		return "there is no session of AWS's single sign-on, or it has expired: run aws sso login, with the --profile that this program uses"
	case strings.Contains(text, "login token"):
		return "there is no session of aws login, or it has expired: run aws login, with the --profile that this program uses"
	case strings.Contains(text, "unable to read file at"), strings.Contains(text, "failed to read authorization token"):
		return nothing + ": the file with the token cannot be read"
	case cause == nil, errors.As(cause, &network): // nothing answers at the address of EC2's credentials
		return nothing + ": give the task, the pod or the function a role; on your own machine set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	}
	return nothing
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
