package secretstest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const arnPrefix = "arn:aws:secretsmanager:" + region + ":123456789012:secret:"

// A store has all secrets of the account. The Server's lock guards it, so each action is
// atomic.
type store struct {
	now     func() time.Time
	secrets map[string]*secret // by name
	list    listing
	serial  int // of the last secret created
}

func newStore() store {
	return store{now: time.Now, secrets: map[string]*secret{}, list: listing{histories: map[string][]snapshot{}}}
}

// actions are the actions by their name in X-Amz-Target.
var actions = map[string]func(*store, []byte) (any, error){
	"CreateSecret":             action((*store).createSecret),
	"DeleteSecret":             action((*store).deleteSecret),
	"DescribeSecret":           action((*store).describeSecret),
	"GetResourcePolicy":        action((*store).getResourcePolicy),
	"GetSecretValue":           action((*store).getSecretValue),
	"ListSecretVersionIds":     action((*store).listSecretVersionIDs),
	"ListSecrets":              action((*store).listSecrets),
	"PutSecretValue":           action((*store).putSecretValue),
	"RestoreSecret":            action((*store).restoreSecret),
	"TagResource":              action((*store).tagResource),
	"UntagResource":            action((*store).untagResource),
	"UpdateSecret":             action((*store).updateSecret),
	"UpdateSecretVersionStage": action((*store).updateSecretVersionStage),
}

// action decodes and encodes the JSON for a method of the store.
func action[In, Out any](do func(*store, In) (Out, error)) func(*store, []byte) (any, error) {
	return func(s *store, body []byte) (any, error) {
		var in In
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&in); err != nil {
			return nil, refuse(serializationError, "%v", err)
		}
		return do(s, in)
	}
}

// find returns the secret of a name, an ARN, or an ARN without the last hyphen
// and six characters:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
func (s *store) find(id string) (*secret, error) {
	if err := checkLength("SecretId", id, 1, maxSecretID); err != nil {
		return nil, err
	}
	rest, isARN := strings.CutPrefix(id, arnPrefix)
	if suffix := len(rest) - len("-xxxxxx"); isARN && suffix > 0 {
		if found := s.secrets[rest[:suffix]]; found != nil && found.ARN == id {
			return found, nil
		}
	}
	if found := s.secrets[rest]; found != nil {
		return found, nil
	}
	return nil, errNoSecret
}

// usable is like find, and refuses a secret that is marked deleted.
func (s *store) usable(id string) (*secret, error) {
	found, err := s.find(id)
	if err == nil && found.deleted() {
		return nil, errDeleted
	}
	return found, err
}

// newSecret makes a secret that is not in the store yet.
func (s *store) newSecret(name string, about details, tags []tag) *secret {
	s.serial++
	return &secret{
		identity: identity{ARN: fmt.Sprintf("%s%s-%s", arnPrefix, name, rand.Text()[:6]), Name: name},
		details:  about,
		dates:    dates{CreatedDate: epoch{s.now()}},
		serial:   s.serial,
		tags:     tags,
		versions: map[string]*version{},
		labels:   map[string]string{},
	}
}

// changed records the new state of a secret for the list.
func (s *store) changed(c *secret) {
	c.LastChangedDate = epoch{s.now()}
	s.list.record(c, s.now())
}

// accessed records that a value was read. The list shows the first read of each day.
func (s *store) accessed(c *secret, v *version) {
	today := day(s.now())
	v.accessed = today
	if !c.LastAccessedDate.Equal(today.Time) {
		c.LastAccessedDate = today
		s.list.record(c, s.now())
	}
}
