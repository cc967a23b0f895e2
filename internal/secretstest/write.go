package secretstest

import "slices"

// A name is what every answer about one secret begins with.
type name struct{ ARN, Name string }

func (c *secret) title() name { return name{c.arn, c.name} }

type createInput struct {
	Name, ClientRequestToken, Description string
	Tags                                  []tag
	value
}

type createOutput struct {
	name
	VersionId string `json:",omitempty"`
}

func (s *store) createSecret(in createInput) (out createOutput, err error) {
	if err := checkWrite(in.ClientRequestToken, in.value); err != nil {
		return out, err
	}
	if old := s.secrets[in.Name]; old != nil {
		return s.createAgain(old, in)
	}
	c, err := s.newSecret(in.Name)
	if err != nil {
		return out, err
	}
	c.description = in.Description
	if c.tags, err = mergeTags(nil, in.Tags); err != nil {
		return out, err
	}
	if !in.empty() {
		out.VersionId = in.ClientRequestToken
		if err := c.add(out.VersionId, in.value, []string{current}, s.now()); err != nil {
			return out, err
		}
	}
	s.secrets[c.name] = c
	s.changed(c)
	out.name = c.title()
	return out, nil
}

// createAgain answers a repeated create as if it were the first, and refuses any
// other create of a name that is taken.
func (s *store) createAgain(old *secret, in createInput) (createOutput, error) {
	made := old.versions[in.ClientRequestToken]
	switch {
	case !old.deletion.IsZero():
		return createOutput{}, errNameTaken
	case made != nil && made.value.equal(in.value):
		return createOutput{old.title(), made.id}, nil
	}
	return createOutput{}, refuse(resourceExists, "The operation failed because the secret %s already exists.", in.Name)
}

type putInput struct {
	SecretId, ClientRequestToken string
	VersionStages                []string
	value
}

type putOutput struct {
	name
	VersionId     string
	VersionStages []string `json:",omitempty"`
}

func (s *store) putSecretValue(in putInput) (out putOutput, err error) {
	if err := in.check(); err != nil {
		return out, err
	}
	c, err := s.usable(in.SecretId)
	if err != nil {
		return out, err
	}
	if err := s.put(c, in); err != nil {
		return out, err
	}
	return putOutput{c.title(), in.ClientRequestToken, c.stages(in.ClientRequestToken)}, nil
}

func (in putInput) check() error {
	if err := checkWrite(in.ClientRequestToken, in.value); err != nil {
		return err
	}
	if in.empty() {
		return refuse(invalidRequest, "You must provide either SecretString or SecretBinary.")
	}
	for _, stage := range in.VersionStages {
		if err := checkStage(stage); err != nil {
			return err
		}
	}
	if len(in.VersionStages) > maxLabels {
		return refuse(validationError, "VersionStages must have length less than or equal to %d.", maxLabels)
	}
	return nil
}

func (s *store) put(c *secret, in putInput) error {
	if old := c.versions[in.ClientRequestToken]; old != nil {
		if old.value.equal(in.value) {
			return nil
		}
		return refuse(resourceExists, "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", old.id, c.arn)
	}
	labels := in.VersionStages
	if len(labels) == 0 {
		labels = []string{current}
	}
	if err := c.add(in.ClientRequestToken, in.value, labels, s.now()); err != nil {
		return err
	}
	s.changed(c)
	return nil
}

func checkWrite(token string, v value) error {
	switch {
	case token == "":
		return errNoToken
	case len(token) < 32 || len(token) > 64:
		return refuse(invalidParameter, "ClientRequestToken must be 32-64 characters long.")
	}
	return v.check()
}

func checkStage(stage string) error {
	if stage == "" || len(stage) > 256 {
		return refuse(validationError, "A staging label must have 1 to 256 characters.")
	}
	return nil
}

type stageInput struct{ SecretId, VersionStage, RemoveFromVersionId, MoveToVersionId string }

func (s *store) updateSecretVersionStage(in stageInput) (out name, err error) {
	if err := checkStage(in.VersionStage); err != nil {
		return out, err
	}
	c, err := s.usable(in.SecretId)
	if err != nil {
		return out, err
	}
	if err := c.restage(in); err != nil {
		return out, err
	}
	s.changed(c)
	return c.title(), nil
}

// restage compares and swaps. The texts for a holder that is absent or not the
// one named are our own: AWS documents only that "the operation fails".
func (c *secret) restage(in stageInput) error {
	holder, label := c.labels[in.VersionStage], in.VersionStage
	from, to := in.RemoveFromVersionId, in.MoveToVersionId
	switch {
	case to != "" && c.versions[to] == nil:
		return refuse(resourceNotFound, "Secrets Manager can't find the specified secret value for VersionId: %s", to)
	case from == "" && !slices.Contains([]string{"", to}, holder):
		return refuse(invalidParameter, "The parameter RemoveFromVersionId can't be empty. "+
			"Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, holder)
	case from != "" && from != holder:
		return refuse(invalidParameter, "Staging label %s is not attached to the version in RemoveFromVersionId.", label)
	case to == "" && label == current:
		return refuse(invalidParameter, "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	case to == "":
		delete(c.labels, label)
		return nil
	}
	return c.attach(to, label)
}
