package secrets

import (
	"errors"
	"slices"

	"github.com/aws/smithy-go"
)

// aboutKeys are the errors of a put whose words are about the caller and the KMS key,
// and worth reading.
var aboutKeys = []string{"AccessDeniedException", "EncryptionFailure"}

// refusals are our words for the codes with which AWS refuses a put
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html#API_PutSecretValue_Errors).
// The runbook has a row for each.
var refusals = map[string]string{
	"LimitExceededException":      "the secret has too many versions: AWS keeps each for 24 hours, and about a hundred of them",
	"InvalidRequestException":     "the secret is marked for deletion, or a service manages it",
	"InvalidParameterException":   "AWS takes no such value here: the secret is a replica, or the value has more than 65,536 bytes",
	"ValidationException":         "AWS takes no such value: it has more than 65,536 bytes, or the name of the secret is not one",
	"ResourceExistsException":     "there is such a version already, with another value",
	"ResourceNotFoundException":   "there is no such secret any more",
	"DecryptionFailure":           "KMS does not decrypt with the secret's key: it is disabled, pending deletion, or not granted",
	"KMSAccessDeniedException":    "the secret's KMS key is not granted to the function",
	"PreconditionNotMetException": "AWS is changing the secret at the moment",
}

// refusal keeps of what AWS says to a put the code alone, with words of our own: AWS
// quotes a parameter that it does not like, and one of a put's is the value.
func refusal(err error) error {
	var answer smithy.APIError
	if !errors.As(err, &answer) || slices.Contains(aboutKeys, answer.ErrorCode()) {
		return err
	}
	words, known := refusals[answer.ErrorCode()]
	if !known {
		words = "AWS's own words are left out: they may quote the value"
	}
	return &smithy.GenericAPIError{Code: answer.ErrorCode(), Message: words}
}
