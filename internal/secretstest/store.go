package secretstest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

const arnPrefix = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"

// A store is all secrets of the account. The Server's lock guards it, so that an
// action is one step.
type store struct {
	now     func() time.Time
	secrets map[string]*secret // by name
	list    listing
	serial  int // of the last secret created
}

func newStore() store {
	return store{now: time.Now, secrets: map[string]*secret{}, list: listing{}}
}

// actions are the actions by name, as they stand in X-Amz-Target.
var actions = map[string]func(*store, []byte) (any, error){
	"BatchGetSecretValue":      action((*store).batchGetSecretValue),
	"CreateSecret":             action((*store).createSecret),
	"DeleteSecret":             action((*store).deleteSecret),
	"DescribeSecret":           action((*store).describeSecret),
	"GetSecretValue":           action((*store).getSecretValue),
	"ListSecretVersionIds":     action((*store).listSecretVersionIDs),
	"ListSecrets":              action((*store).listSecrets),
	"PutSecretValue":           action((*store).putSecretValue),
	"RestoreSecret":            action((*store).restoreSecret),
	"TagResource":              action((*store).tagResource),
	"UntagResource":            action((*store).untagResource),
	"UpdateSecretVersionStage": action((*store).updateSecretVersionStage),
}

// action adds the JSON around a method of the store.
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
	rest, isARN := strings.CutPrefix(id, arnPrefix)
	if suffix := len(rest) - len("-xxxxxx"); isARN && suffix > 0 {
		if found := s.secrets[rest[:suffix]]; found != nil && found.arn == id {
			return found, nil
		}
	}
	if found := s.secrets[rest]; found != nil {
		return found, nil
	}
	return nil, errNoSecret
}

// usable is find for the actions that a secret marked deleted refuses.
func (s *store) usable(id string) (*secret, error) {
	found, err := s.find(id)
	if err == nil && !found.deletion.IsZero() {
		return nil, errDeleted
	}
	return found, err
}

// AWS's own text names these characters; the API reference leaves out the "!".
var validName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)

// newSecret makes a secret that is not in the store yet.
func (s *store) newSecret(name string) (*secret, error) {
	if !validName.MatchString(name) {
		return nil, refuse(validationError, "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	s.serial++
	return &secret{
		name:     name,
		arn:      fmt.Sprintf("%s%s-%s", arnPrefix, name, rand.Text()[:6]),
		serial:   s.serial,
		created:  s.now(),
		changed:  s.now(),
		versions: map[string]*version{},
		labels:   map[string]string{},
	}, nil
}

// changed notes that a secret is not what it was: the list will show it.
func (s *store) changed(c *secret) {
	c.changed = s.now()
	s.list.record(c, c.describe(), s.now())
}
