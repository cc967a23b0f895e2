package secretstest

import "bytes"

// A value is the content of a version: a text, or bytes, which are base64 in JSON:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
type value struct {
	SecretString string `json:",omitempty"`
	SecretBinary []byte `json:",omitempty"`
}

func (v value) empty() bool { return v.SecretString == "" && len(v.SecretBinary) == 0 }

func (v value) equal(other value) bool {
	return v.SecretString == other.SecretString && bytes.Equal(v.SecretBinary, other.SecretBinary)
}

func (v value) check() error {
	switch {
	case v.SecretString != "" && len(v.SecretBinary) > 0:
		return errTwoValues
	case len(v.SecretString) > maxValue || len(v.SecretBinary) > maxValue:
		return refuse(validationError, "The secret value must have length less than or equal to %d.", maxValue)
	}
	return nil
}
