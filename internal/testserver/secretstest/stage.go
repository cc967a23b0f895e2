package secretstest

type stageInput struct{ SecretId, VersionStage, RemoveFromVersionId, MoveToVersionId string }

func (s *store) updateSecretVersionStage(in stageInput) (out identity, err error) {
	if err := checkLabels(in.VersionStage); err != nil {
		return out, err
	}
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

// restage moves a label by compare-and-swap, or removes it if the request names no
// version to move it to. The error text for a label that another version has is our own:
// AWS documents only that "the operation fails".
func (c *secret) restage(in stageInput) error {
	label, from, to := in.VersionStage, in.RemoveFromVersionId, in.MoveToVersionId
	holder := c.labels[label]
	switch {
	case to == "" && label == current:
		return errRemovesCurrent
	case to == "" && from == "" && holder == "":
		return refuse(invalidParameter, "The request must name a version in MoveToVersionId or RemoveFromVersionId.")
	case to != "" && c.versions[to] == nil:
		return refuse(resourceNotFound, "Secrets Manager can't find the specified secret value for VersionId: %s", to)
	case from == "" && holder != "" && holder != to:
		return refuse(invalidParameter, "The parameter RemoveFromVersionId can't be empty. "+
			"Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, holder)
	case from != "" && from != holder:
		return refuse(invalidParameter, "Staging label %s is not attached to the version in RemoveFromVersionId.", label)
	case to == "":
		c.detach(label)
		return nil
	}
	return c.attach(to, label)
}
