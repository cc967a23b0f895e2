package secretstest

type idInput struct{ SecretId string }

// A description is what DescribeSecret and ListSecrets tell of a secret; the two
// give the labels different names.
type description struct {
	name
	Description            string              `json:",omitempty"`
	CreatedDate            epoch               `json:",omitzero"`
	LastChangedDate        epoch               `json:",omitzero"`
	DeletedDate            epoch               `json:",omitzero"`
	Tags                   []tag               `json:",omitempty"`
	VersionIdsToStages     map[string][]string `json:",omitempty"`
	SecretVersionsToStages map[string][]string `json:",omitempty"`
}

func (c *secret) describe() description {
	return description{
		name:               c.title(),
		Description:        c.description,
		CreatedDate:        epoch{c.created},
		LastChangedDate:    epoch{c.changed},
		DeletedDate:        epoch{c.deletion},
		Tags:               c.tags,
		VersionIdsToStages: c.labelled(),
	}
}

func (s *store) describeSecret(in idInput) (out description, err error) {
	c, err := s.find(in.SecretId)
	if err != nil {
		return out, err
	}
	return c.describe(), nil
}

type getInput struct{ SecretId, VersionId, VersionStage string }

type getOutput struct {
	name
	VersionId     string
	VersionStages []string `json:",omitempty"`
	CreatedDate   epoch
	value
}

func (s *store) getSecretValue(in getInput) (out getOutput, err error) {
	c, err := s.usable(in.SecretId)
	if err != nil {
		return out, err
	}
	v, err := c.version(in.VersionId, in.VersionStage)
	if err != nil {
		return out, err
	}
	return getOutput{c.title(), v.id, c.stages(v.id), epoch{v.created}, v.value}, nil
}

// version returns the version that an id and a label, or one of them, or AWSCURRENT stand for.
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

type batchInput struct {
	SecretIdList []string
	Filters      []filter
	pageInput
}

type batchError struct{ SecretId, ErrorCode, Message string }

type batchOutput struct {
	SecretValues []getOutput
	Errors       []batchError
	NextToken    string `json:",omitempty"`
}

func (s *store) batchGetSecretValue(in batchInput) (out batchOutput, err error) {
	ids := in.SecretIdList
	switch {
	case (len(ids) == 0) == (len(in.Filters) == 0):
		return out, refuse(invalidParameter, "You must include Filters or SecretIdList, but not both.")
	case len(ids) > maxBatch:
		return out, refuse(validationError, "SecretIdList must have length less than or equal to %d.", maxBatch)
	case len(ids) > 0 && in.MaxResults != 0:
		return out, refuse(invalidParameter, "To use MaxResults, you must also use Filters.")
	case len(ids) == 0:
		if ids, out.NextToken, err = s.filtered(in); err != nil {
			return out, err
		}
	}
	out.SecretValues, out.Errors = []getOutput{}, []batchError{}
	for _, id := range ids {
		got, err := s.getSecretValue(getInput{SecretId: id})
		if r, ok := err.(*refusal); ok {
			out.Errors = append(out.Errors, batchError{id, r.kind, r.message})
			continue
		}
		out.SecretValues = append(out.SecretValues, got)
	}
	return out, nil
}

func (s *store) filtered(in batchInput) (ids []string, next string, err error) {
	found, err := s.list.find(in.Filters, false, s.now())
	if err != nil {
		return nil, "", err
	}
	found, next, err = page(found, in.pageInput, maxBatch, snapshot.position)
	for _, entry := range found {
		ids = append(ids, entry.ARN)
	}
	return ids, next, err
}

type versionsInput struct {
	SecretId          string
	IncludeDeprecated bool
	pageInput
}

type versionEntry struct {
	VersionId     string
	VersionStages []string `json:",omitempty"`
	CreatedDate   epoch
	KmsKeyIds     []string
}

type versionsOutput struct {
	name
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
	out.name, out.Versions = c.title(), []versionEntry{}
	kept, out.NextToken, err = page(kept, in.pageInput, maxPage, func(v *version) int { return v.serial })
	for _, v := range kept {
		out.Versions = append(out.Versions, versionEntry{v.id, c.stages(v.id), epoch{v.created}, []string{"DefaultEncryptionKey"}})
	}
	return out, err
}
