package secretstest

// recoveryDays is for how long a deleted secret is only marked, unless forced:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
const recoveryDays = 30

type deleteInput struct {
	SecretId                   string
	ForceDeleteWithoutRecovery bool
}

func (s *store) deleteSecret(in deleteInput) (identity, error) {
	if in.ForceDeleteWithoutRecovery {
		return s.destroy(in.SecretId)
	}
	c, err := s.writable(in.SecretId)
	if err != nil {
		return identity{}, err
	}
	c.deletion = s.now().AddDate(0, 0, recoveryDays)
	s.changed(c)
	return c.identity, nil
}

// destroy deletes at once, also a secret that is marked. That there is none is no error.
func (s *store) destroy(id string) (identity, error) {
	c, err := s.find(id)
	switch {
	case err != nil:
		return identity{Name: id}, nil
	case c.kind.replica():
		return identity{}, errReplica
	}
	delete(s.secrets, c.Name)
	s.list.forget(c)
	return c.identity, nil
}
