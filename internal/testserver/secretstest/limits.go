package secretstest

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of parameters. A longer or shorter one is a ValidationException. The page
// of each action names its limits:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html
const (
	maxName        = 512  // API_CreateSecret.html, Name
	maxSecretID    = 2048 // API_GetSecretValue.html, SecretId
	minToken       = 32   // API_PutSecretValue.html, ClientRequestToken
	maxToken       = 64
	maxDescription = 2048  // API_CreateSecret.html, Description
	maxKey         = 2048  // API_CreateSecret.html, KmsKeyId
	maxLabel       = 256   // API_UpdateSecretVersionStage.html, VersionStage
	maxValue       = 65536 // bytes, of a text or a binary: API_PutSecretValue.html
	maxTagKey      = 128   // API_Tag.html
	maxTagValue    = 256

	// maxTags is the quota of every AWS resource:
	// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
	maxTags = 50
	// maxLabels is the quota of a secret, over all its versions:
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
	maxLabels = 20
	// minRecovery and maxRecovery are days: API_DeleteSecret.html, RecoveryWindowInDays.
	minRecovery, maxRecovery = 7, 30
)

var (
	// secretName has the characters of the error below. API_CreateSecret.html leaves
	// out "!", which stands in the names of secrets that services own.
	secretName = regexp.MustCompile(`^[a-zA-Z0-9/_+=.@!-]+$`)

	// tagText has the characters that every AWS service takes in tags:
	// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
	tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]*$`)
)

// checkLength counts characters, as AWS does for everything but values.
func checkLength(what, text string, least, most int) error {
	if n := utf8.RuneCountInString(text); n < least || n > most {
		return refuse(validationError, "%s must have from %d to %d characters.", what, least, most)
	}
	return nil
}

func checkName(name string) error {
	if err := checkLength("Name", name, 1, maxName); err != nil {
		return err
	}
	if !secretName.MatchString(name) {
		return errName
	}
	return nil
}

// checkToken refuses a write without a ClientRequestToken. The SDKs and the aws
// command make one up.
func checkToken(token string) error {
	if token == "" {
		return errNoToken
	}
	return checkLength("ClientRequestToken", token, minToken, maxToken)
}

func checkLabels(labels ...string) error {
	for _, label := range labels {
		if err := checkLength("VersionStage", label, 1, maxLabel); err != nil {
			return err
		}
	}
	return nil
}

// checkTags checks the tags that a secret would have.
func checkTags(tags []tag) error {
	for _, t := range tags {
		if err := checkTagKey(t.Key); err != nil {
			return err
		}
		if err := checkLength("Tag value", t.Value, 0, maxTagValue); err != nil {
			return err
		}
		if !tagText.MatchString(t.Value) {
			return refuse(invalidParameter, "A tag value has a character that AWS does not take.")
		}
	}
	if len(tags) > maxTags {
		return refuse(invalidParameter, "A secret can have at most %d tags.", maxTags)
	}
	return nil
}

// checkTagKey checks a key's length and characters, and refuses the keys that AWS
// reserves, in upper and lower case.
func checkTagKey(key string) error {
	if err := checkLength("Tag key", key, 1, maxTagKey); err != nil {
		return err
	}
	if !tagText.MatchString(key) {
		return refuse(invalidParameter, "A tag key has a character that AWS does not take.")
	}
	if strings.HasPrefix(strings.ToLower(key), "aws:") {
		return refuse(invalidParameter, "Tag keys that begin with aws: are reserved for AWS.")
	}
	return nil
}

// checkDetails checks the texts that describe a secret.
func checkDetails(d details) error {
	if err := checkLength("Description", d.Description, 0, maxDescription); err != nil {
		return err
	}
	return checkLength("KmsKeyId", string(d.KmsKeyId), 0, maxKey)
}

// firstError returns the first error that is not nil.
func firstError(errs ...error) error {
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}
