package secretstest

// updateInput names what changes. A nil text stays as it is.
type updateInput struct {
	SecretId, ClientRequestToken string
	Description                  *string
	KmsKeyId                     *key
	value
}

// updateSecret changes a secret's details and, if the request has a value, puts it as
// AWSCURRENT:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
func (s *store) updateSecret(in updateInput) (out createOutput, err error) {
	c, err := s.writable(in.SecretId)
	if err != nil {
		return out, err
	}
	after := c.details
	replace(&after.Description, in.Description)
	replace(&after.KmsKeyId, in.KmsKeyId)
	if err := checkDetails(after); err != nil {
		return out, err
	}
	if !in.value.empty() {
		if err := firstError(checkToken(in.ClientRequestToken), in.value.check()); err != nil {
			return out, err
		}
		if err := s.put(c, in.ClientRequestToken, in.value, []string{current}); err != nil {
			return out, err
		}
		out.VersionId = in.ClientRequestToken
	}
	c.details = after
	s.changed(c)
	out.identity = c.identity
	return out, nil
}

func replace[T any](text, by *T) {
	if by != nil {
		*text = *by
	}
}

// getResourcePolicy answers that there is none: no action here attaches one.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetResourcePolicy.html
func (s *store) getResourcePolicy(in idInput) (identity, error) {
	c, err := s.usable(in.SecretId)
	if err != nil {
		return identity{}, err
	}
	return c.identity, nil
}
