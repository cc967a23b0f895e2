package secretstest

type createInput struct {
	Name, ClientRequestToken string
	// ForceOverwriteReplicaSecret can only be false, which Terraform sends: the server makes
	// no replicas.
	ForceOverwriteReplicaSecret bool
	Tags                        []tag
	details
	value
}

func (in createInput) check() error {
	if in.ForceOverwriteReplicaSecret {
		return refuse(invalidParameter, "secretstest has no replicas to overwrite.")
	}
	return firstError(checkName(in.Name), checkToken(in.ClientRequestToken), in.value.check(), checkDetails(in.details), checkTags(in.Tags))
}

type createOutput struct {
	identity
	VersionId string `json:",omitempty"`
}

func (s *store) createSecret(in createInput) (out createOutput, err error) {
	if err := in.check(); err != nil {
		return out, err
	}
	if old := s.secrets[in.Name]; old != nil {
		return s.createAgain(old, in)
	}
	c := s.newSecret(in.Name, in.details, in.Tags)
	if !in.value.empty() {
		out.VersionId = in.ClientRequestToken
		if err := c.add(out.VersionId, in.value, []string{current}, s.now()); err != nil {
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
	case old.deleted():
		return createOutput{}, errNameTaken
	case made != nil && made.value.equal(in.value):
		return createOutput{old.identity, made.id}, nil
	}
	return createOutput{}, refuse(resourceExists, "The operation failed because the secret %s already exists.", in.Name)
}

type putInput struct {
	SecretId, ClientRequestToken string
	VersionStages                []string
	value
}

type putOutput struct {
	identity
	VersionId     string
	VersionStages []string `json:",omitempty"`
}

func (s *store) putSecretValue(in putInput) (out putOutput, err error) {
	if err := firstError(checkToken(in.ClientRequestToken), in.value.check(), checkLabels(in.VersionStages...)); err != nil {
		return out, err
	}
	if in.value.empty() {
		return out, refuse(invalidRequest, "You must provide either SecretString or SecretBinary.")
	}
	c, err := s.writable(in.SecretId)
	if err != nil {
		return out, err
	}
	labels := in.VersionStages
	if len(labels) == 0 {
		labels = []string{current}
	}
	if err := s.put(c, in.ClientRequestToken, in.value, labels); err != nil {
		return out, err
	}
	return putOutput{c.identity, in.ClientRequestToken, c.stages(in.ClientRequestToken)}, nil
}

// put makes a version, unless there is one of that token: with the same value, nothing
// changes.
func (s *store) put(c *secret, token string, v value, labels []string) error {
	if old := c.versions[token]; old != nil {
		if old.value.equal(v) {
			return nil
		}
		return refuse(resourceExists, "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", old.id, c.ARN)
	}
	if err := c.add(token, v, labels, s.now()); err != nil {
		return err
	}
	s.changed(c)
	return nil
}
