package secretstest

type idInput struct{ SecretId string }

// A description has the fields that DescribeSecret and ListSecrets share. Both also
// report the labels, under different names.
type description struct {
	identity
	details
	dates
	Kind
	Tags []tag `json:",omitempty"`
}

func (c *secret) describe() description {
	return description{c.identity, c.details, c.dates, c.kind, c.tags}
}

type describeOutput struct {
	description
	VersionIdsToStages map[string][]string `json:",omitempty"`
}

func (s *store) describeSecret(in idInput) (out describeOutput, err error) {
	c, err := s.find(in.SecretId)
	if err != nil {
		return out, err
	}
	return describeOutput{c.describe(), c.labelled()}, nil
}

type getInput struct{ SecretId, VersionId, VersionStage string }

type getOutput struct {
	identity
	VersionId     string
	VersionStages []string `json:",omitempty"`
	CreatedDate   epoch
	value
}

func (s *store) getSecretValue(in getInput) (out getOutput, err error) {
	if in.VersionStage != "" {
		if err := checkLabels(in.VersionStage); err != nil {
			return out, err
		}
	}
	c, err := s.usable(in.SecretId)
	if err != nil {
		return out, err
	}
	v, err := c.version(in.VersionId, in.VersionStage)
	if err != nil {
		return out, err
	}
	s.accessed(c, v)
	return getOutput{c.identity, v.id, c.stages(v.id), epoch{v.created}, v.value}, nil
}

// version returns the version with an id, a label, or both; without either, that with
// AWSCURRENT.
func (c *secret) version(id, stage string) (*version, error) {
	if id == "" {
		if stage == "" {
			stage = current
		}
		if v := c.versions[c.labels[stage]]; v != nil {
			return v, nil
		}
		return nil, refuse(resourceNotFound, "Secrets Manager can't find the specified secret value for staging label: %s", stage)
	}
	v := c.versions[id]
	switch {
	case v == nil:
		return nil, refuse(resourceNotFound, "Secrets Manager can't find the specified secret value for VersionId: %s", id)
	case stage != "" && c.labels[stage] != id:
		return nil, errMismatch
	}
	return v, nil
}

type versionsInput struct {
	SecretId          string
	IncludeDeprecated bool
	pageInput
}

type versionEntry struct {
	VersionId        string
	VersionStages    []string `json:",omitempty"`
	CreatedDate      epoch
	LastAccessedDate epoch `json:",omitzero"`
}

type versionsOutput struct {
	identity
	Versions  []versionEntry
	NextToken string `json:",omitempty"`
}

func (s *store) listSecretVersionIDs(in versionsInput) (out versionsOutput, err error) {
	c, err := s.find(in.SecretId)
	if err != nil {
		return out, err
	}
	var kept []*version
	for _, v := range c.inOrder() {
		if in.IncludeDeprecated || len(c.stages(v.id)) > 0 {
			kept = append(kept, v)
		}
	}
	out.identity, out.Versions = c.identity, []versionEntry{}
	kept, out.NextToken, err = page(kept, in.pageInput, func(v *version) int { return v.serial })
	for _, v := range kept {
		out.Versions = append(out.Versions, versionEntry{v.id, c.stages(v.id), epoch{v.created}, v.accessed})
	}
	return out, err
}
