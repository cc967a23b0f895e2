package secretstest

import (
	"cmp"
	"errors"
	"time"
)

type deleteInput struct {
	SecretId                   string
	ForceDeleteWithoutRecovery bool
	RecoveryWindowInDays       int
}

type deleteOutput struct {
	identity
	DeletionDate epoch
}

// deleteSecret marks a secret as deleted for its recovery window, 30 days unless the
// request says less, or deletes it at once if forced. A marked secret stays for good:
// the server does not delete it when the window has passed.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
func (s *store) deleteSecret(in deleteInput) (out deleteOutput, err error) {
	window := cmp.Or(in.RecoveryWindowInDays, maxRecovery)
	switch {
	case in.ForceDeleteWithoutRecovery && in.RecoveryWindowInDays != 0:
		return out, errTwoDeletions
	case window < minRecovery || window > maxRecovery:
		return out, refuse(invalidParameter, "RecoveryWindowInDays must be between %d and %d days.", minRecovery, maxRecovery)
	case in.ForceDeleteWithoutRecovery:
		return s.destroy(in.SecretId)
	}
	c, err := s.writable(in.SecretId)
	if err != nil {
		return out, err
	}
	c.DeletedDate = epoch{s.now().AddDate(0, 0, window)}
	s.changed(c)
	return deleteOutput{c.identity, c.DeletedDate}, nil
}

// destroy deletes a secret at once, also one that is marked. It is no error if the
// secret does not exist.
func (s *store) destroy(id string) (deleteOutput, error) {
	c, err := s.find(id)
	switch {
	case errors.Is(err, errNoSecret):
		return deleteOutput{identity{Name: id}, epoch{s.now()}}, nil
	case err != nil:
		return deleteOutput{}, err
	case c.kind.replica():
		return deleteOutput{}, errReplica
	}
	delete(s.secrets, c.Name)
	s.list.forget(c)
	return deleteOutput{c.identity, epoch{s.now()}}, nil
}

// restoreSecret removes the mark. A secret that is not marked stays as it is.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RestoreSecret.html
func (s *store) restoreSecret(in idInput) (identity, error) {
	c, err := s.find(in.SecretId)
	switch {
	case err != nil:
		return identity{}, err
	case c.kind.replica():
		return identity{}, errReplica
	}
	if c.deleted() {
		c.DeletedDate = epoch{time.Time{}}
		s.changed(c)
	}
	return c.identity, nil
}
