package secretstest

type createInput struct {
	Name, ClientRequestToken, SecretString string
	Tags                                   []tag
}

type createOutput struct {
	identity
	VersionId string `json:",omitempty"`
}

func (s *store) createSecret(in createInput) (out createOutput, err error) {
	if err := checkWrite(in.ClientRequestToken, in.SecretString); err != nil {
		return out, err
	}
	if old := s.secrets[in.Name]; old != nil {
		return s.createAgain(old, in)
	}
	c := s.newSecret(in.Name, in.Tags)
	if in.SecretString != "" {
		out.VersionId = in.ClientRequestToken
		if err := c.add(out.VersionId, in.SecretString, []string{current}, s.now()); err != nil {
			return out, err
		}
	}
	s.secrets[c.Name] = c
	s.changed(c)
	out.identity = c.identity
	return out, nil
}

// createAgain answers a repeated create as if it were the first, and refuses any
// other create of a name that is taken.
func (s *store) createAgain(old *secret, in createInput) (createOutput, error) {
	made := old.versions[in.ClientRequestToken]
	switch {
	case !old.deletion.IsZero():
		return createOutput{}, errNameTaken
	case made != nil && made.value == in.SecretString:
		return createOutput{old.identity, made.id}, nil
	}
	return createOutput{}, refuse(resourceExists, "The operation failed because the secret %s already exists.", in.Name)
}

type putInput struct {
	SecretId, ClientRequestToken, SecretString string
	VersionStages                              []string
}

type putOutput struct {
	identity
	VersionId     string
	VersionStages []string `json:",omitempty"`
}

func (s *store) putSecretValue(in putInput) (out putOutput, err error) {
	if err := checkWrite(in.ClientRequestToken, in.SecretString); err != nil {
		return out, err
	}
	if in.SecretString == "" {
		return out, refuse(invalidRequest, "You must provide either SecretString or SecretBinary.")
	}
	c, err := s.writable(in.SecretId)
	if err != nil {
		return out, err
	}
	if err := s.put(c, in); err != nil {
		return out, err
	}
	return putOutput{c.identity, in.ClientRequestToken, c.stages(in.ClientRequestToken)}, nil
}

func (s *store) put(c *secret, in putInput) error {
	if old := c.versions[in.ClientRequestToken]; old != nil {
		if old.value == in.SecretString {
			return nil
		}
		return refuse(resourceExists, "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", old.id, c.ARN)
	}
	labels := in.VersionStages
	if len(labels) == 0 {
		labels = []string{current}
	}
	if err := c.add(in.ClientRequestToken, in.SecretString, labels, s.now()); err != nil {
		return err
	}
	s.changed(c)
	return nil
}

func checkWrite(token, value string) error {
	switch {
	case token == "":
		return errNoToken
	case len(token) < 32 || len(token) > 64:
		return refuse(invalidParameter, "ClientRequestToken must be 32-64 characters long.")
	case len(value) > maxValue:
		return refuse(validationError, "The secret value must have length less than or equal to %d.", maxValue)
	}
	return nil
}

type stageInput struct{ SecretId, VersionStage, RemoveFromVersionId, MoveToVersionId string }

func (s *store) updateSecretVersionStage(in stageInput) (out identity, err error) {
	c, err := s.writable(in.SecretId)
	if err != nil {
		return out, err
	}
	if err := c.restage(in); err != nil {
		return out, err
	}
	s.changed(c)
	return c.identity, nil
}

// restage compares and swaps. The text for a holder that is not the one named is
// our own: AWS documents only that "the operation fails".
func (c *secret) restage(in stageInput) error {
	label, from, to := in.VersionStage, in.RemoveFromVersionId, in.MoveToVersionId
	holder := c.labels[label]
	switch {
	case c.versions[to] == nil:
		return refuse(resourceNotFound, "Secrets Manager can't find the specified secret value for VersionId: %s", to)
	case from == "" && holder != "" && holder != to:
		return refuse(invalidParameter, "The parameter RemoveFromVersionId can't be empty. "+
			"Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, holder)
	case from != "" && from != holder:
		return refuse(invalidParameter, "Staging label %s is not attached to the version in RemoveFromVersionId.", label)
	}
	return c.attach(to, label)
}
