package secretstest

import (
	"fmt"
	"net/http"
)

// The error types of Secrets Manager that this server uses.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
const (
	accessNotSigned    = "MissingAuthenticationTokenException"
	invalidNextToken   = "InvalidNextTokenException"
	invalidParameter   = "InvalidParameterException"
	invalidRequest     = "InvalidRequestException"
	limitExceeded      = "LimitExceededException"
	resourceExists     = "ResourceExistsException"
	resourceNotFound   = "ResourceNotFoundException"
	serializationError = "SerializationException"
	unknownOperation   = "UnknownOperationException"
	validationError    = "ValidationException"
)

// A refusal is an error that the client gets to see.
type refusal struct {
	status        int
	kind, message string
}

func (r *refusal) Error() string { return r.kind + ": " + r.message }

// refuse makes an HTTP 400. Secrets Manager answers with 400 to every mistake of the
// caller, including a missing secret.
func refuse(kind, format string, args ...any) error {
	return &refusal{http.StatusBadRequest, kind, fmt.Sprintf(format, args...)}
}

// The texts are AWS's, as recorded by LocalStack's tests on AWS and as users report
// them.
var (
	errNotSigned = refuse(accessNotSigned, "Missing Authentication Token")
	errNoSecret  = refuse(resourceNotFound, "Secrets Manager can't find the specified secret.")
	errNoToken   = refuse(invalidRequest, "You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	errDeleted   = refuse(invalidRequest, "You can't perform this operation on the secret because it was marked for deletion.")
	errName      = refuse(validationError, "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	errNameTaken = refuse(invalidRequest, "You can't create this secret because a secret with this name is already scheduled for deletion.")
	errReplica   = refuse(invalidParameter, "Operation not permitted on a replica secret. Call must be made in primary secret's region.")
	errMismatch  = refuse(invalidRequest, "You provided a VersionStage that is not associated to the provided VersionId.")
	errTooMany   = refuse(limitExceeded, "You exceeded the maximum number of staging labels allowed on a secret.")
	errTwoValues = refuse(invalidParameter, "You can't specify both a binary secret value and a string secret value in the same secret.")

	// Terraform's AWS provider quotes it, in service/secretsmanager/secret_version.go.
	errRemovesCurrent = refuse(invalidParameter, "You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.")

	errTwoDeletions = refuse(invalidParameter, "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
)
