package secretstest

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// The labels that Secrets Manager itself gives a meaning to.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// maxLoose is how many versions without a label are kept, and keepLoose the age below
// which none is removed:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
const (
	maxLoose  = 100
	keepLoose = 24 * time.Hour
)

// An identity says which secret an answer is about.
type identity struct{ ARN, Name string }

// details are a user's description of a secret. Nothing is encrypted here, whatever the
// key: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
type details struct {
	Description string `json:",omitempty"`
	KmsKeyId    key    `json:",omitempty"`
}

// A key is the id, the ARN or the alias of a KMS key. None is AWS's own key.
type key string

// ownKey is AWS's own key, which DescribeSecret does not tell:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
const ownKey = "alias/aws/secretsmanager"

func (k *key) UnmarshalText(text []byte) error {
	*k = key(text)
	if *k == ownKey {
		*k = ""
	}
	return nil
}

// A secret has versions and labels; both are empty until the first value.
type secret struct {
	identity
	details
	dates
	kind     Kind
	serial   int // in order of creation
	tags     []tag
	versions map[string]*version
	labels   map[string]string // to the id of the version that has it
	last     int               // serial of the last version
}

type version struct {
	id       string
	serial   int
	created  time.Time
	accessed epoch // the day of the last read, or zero
	value    value
}

// deleted reports whether the secret is marked deleted and in its recovery window.
func (c *secret) deleted() bool { return !c.DeletedDate.IsZero() }

// stages returns the labels of a version in alphabetical order, as AWS does.
func (c *secret) stages(id string) []string {
	var stages []string
	for label, holder := range c.labels {
		if holder == id {
			stages = append(stages, label)
		}
	}
	slices.Sort(stages)
	return stages
}

// labelled returns the versions that have a label.
func (c *secret) labelled() map[string][]string {
	stages := map[string][]string{}
	for _, id := range c.labels {
		stages[id] = c.stages(id)
	}
	return stages
}

// inOrder returns the versions from the oldest to the newest.
func (c *secret) inOrder() []*version {
	return slices.SortedFunc(maps.Values(c.versions), func(a, b *version) int { return cmp.Compare(a.serial, b.serial) })
}

// attach moves labels to a version. If it fails, nothing has changed.
func (c *secret) attach(id string, labels ...string) error {
	after := maps.Clone(c.labels)
	for _, label := range labels {
		move(after, label, id)
	}
	if len(after) > maxLabels {
		return errTooMany
	}
	c.labels = after
	return nil
}

// detach removes a label from the version that has it.
func (c *secret) detach(label string) {
	after := maps.Clone(c.labels) // the list may still show it as it was
	delete(after, label)
	c.labels = after
}

func move(labels map[string]string, label, to string) {
	from := labels[label]
	labels[label] = to
	if label == current && from != "" && from != to {
		labels[previous] = from
	}
}

// add makes a version and labels it.
func (c *secret) add(id string, v value, labels []string, now time.Time) error {
	if len(c.versions) == 0 && !slices.Contains(labels, current) {
		labels = append(slices.Clone(labels), current)
	}
	if err := c.prune(now); err != nil {
		return err
	}
	if err := c.attach(id, labels...); err != nil {
		return err
	}
	c.last++
	c.versions[id] = &version{id: id, serial: c.last, created: now, value: v}
	return nil
}

// prune removes the oldest versions without a label if there are too many. AWS does it
// in the background, and does not document the limit for versions younger than a day:
// here it is a hundred too.
func (c *secret) prune(now time.Time) error {
	loose := slices.DeleteFunc(c.inOrder(), func(v *version) bool { return len(c.stages(v.id)) > 0 })
	for len(loose) > maxLoose {
		if now.Sub(loose[0].created) < keepLoose {
			return refuse(limitExceeded, "The secret has reached its quota of versions.")
		}
		delete(c.versions, loose[0].id)
		loose = loose[1:]
	}
	return nil
}
