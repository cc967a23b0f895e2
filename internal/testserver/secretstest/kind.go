package secretstest

import "fmt"

// region is where the server is: its ARNs name it.
const region = "us-east-1"

// A Kind says that another service or another Region writes a secret. The zero Kind is an
// ordinary secret. DescribeSecret and ListSecrets report each field under its name,
// unless it is empty:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
type Kind struct {
	// PrimaryRegion is the Region of the primary secret. In any Region but the
	// server's own, us-east-1, it makes this secret a replica, which can be read
	// and refuses every write:
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
	PrimaryRegion string `json:",omitempty"`

	// OwningService is the service that manages the secret, such as "rds":
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
	OwningService string `json:",omitempty"`

	// Type is the partner of a managed external secret, such as
	// "SalesforceClientSecret":
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/managed-external-secrets.html
	Type string `json:",omitempty"`

	// RotationEnabled says that Secrets Manager rotates the secret, by the function
	// RotationLambdaARN or, if that is empty, without one (managed rotation). The
	// server itself never rotates.
	RotationEnabled   bool   `json:",omitempty"`
	RotationLambdaARN string `json:",omitempty"`
}

// Mark sets the kind of an existing secret. Its versions, labels and tags stay, and the
// list shows the change after its lag. Mark panics if there is no secret of that name.
//
// Only a replica refuses writes. AWS restricts some writes to secrets of other kinds
// too, but not all, and not in the same way for each service: here they succeed, so
// that a test sees a write that should not have been made.
func (s *Server) Mark(name string, kind Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.store.secrets[name]
	if c == nil {
		panic(fmt.Sprintf("secretstest: there is no secret %q to mark", name))
	}
	c.kind = kind
	s.store.changed(c)
}

func (k Kind) replica() bool { return k.PrimaryRegion != "" && k.PrimaryRegion != region }

// writable is like usable, and also refuses a replica. All actions that change a secret
// use it.
func (s *store) writable(id string) (*secret, error) {
	found, err := s.usable(id)
	if err == nil && found.kind.replica() {
		return nil, errReplica
	}
	return found, err
}
