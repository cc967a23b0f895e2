package secretstest

import (
	"errors"
	"time"
)

type deleteInput struct {
	SecretId                   string
	ForceDeleteWithoutRecovery bool
	RecoveryWindowInDays       *int
}

type deleteOutput struct {
	name
	DeletionDate epoch
}

func (s *store) deleteSecret(in deleteInput) (out deleteOutput, err error) {
	window := in.RecoveryWindowInDays
	switch {
	case window != nil && in.ForceDeleteWithoutRecovery:
		return out, refuse(invalidParameter, "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case window != nil && (*window < 7 || *window > 30):
		return out, refuse(invalidParameter, "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	case in.ForceDeleteWithoutRecovery:
		return s.destroy(in.SecretId)
	}
	c, err := s.usable(in.SecretId)
	if err != nil {
		return out, err
	}
	days := 30
	if window != nil {
		days = *window
	}
	c.deletion = s.now().AddDate(0, 0, days)
	s.changed(c)
	return deleteOutput{c.title(), epoch{c.deletion}}, nil
}

// destroy deletes at once. A secret marked deleted, or none at all, is no error.
func (s *store) destroy(id string) (deleteOutput, error) {
	c, err := s.find(id)
	if errors.Is(err, errNoSecret) {
		return deleteOutput{name{Name: id}, epoch{s.now()}}, nil
	}
	if err != nil {
		return deleteOutput{}, err
	}
	delete(s.secrets, c.name)
	s.list.remove(c, s.now())
	return deleteOutput{c.title(), epoch{s.now()}}, nil
}

// restoreSecret takes back a deletion. AWS never says when after the window a
// secret is gone for good; here it can be restored for ever.
func (s *store) restoreSecret(in idInput) (out name, err error) {
	c, err := s.find(in.SecretId)
	if err != nil {
		return out, err
	}
	c.deletion = time.Time{}
	s.changed(c)
	return c.title(), nil
}
