package secretstest

import (
	"slices"
	"strings"
)

// maxTags a secret, and the lengths below:
// https://docs.aws.amazon.com/general/latest/gr/arg.html#taged-reference-quotas
const maxTags = 50

type tag struct{ Key, Value string }

type nothing struct{}

type tagInput struct {
	SecretId string
	Tags     []tag
}

func (s *store) tagResource(in tagInput) (nothing, error) {
	c, err := s.usable(in.SecretId)
	if err != nil {
		return nothing{}, err
	}
	tags, err := mergeTags(c.tags, in.Tags)
	if err != nil {
		return nothing{}, err
	}
	c.tags = tags
	s.changed(c)
	return nothing{}, nil
}

type untagInput struct {
	SecretId string
	TagKeys  []string
}

func (s *store) untagResource(in untagInput) (nothing, error) {
	c, err := s.usable(in.SecretId)
	if err != nil {
		return nothing{}, err
	}
	// A new slice: the list may still show the old one.
	c.tags = slices.DeleteFunc(slices.Clone(c.tags), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	s.changed(c)
	return nothing{}, nil
}

// mergeTags returns tags with those of more added, or put in the place of those
// with the same key. Keys are case-sensitive.
func mergeTags(tags, more []tag) ([]tag, error) {
	merged := slices.Clone(tags)
	for _, t := range more {
		switch {
		case t.Key == "" || len(t.Key) > 128 || len(t.Value) > 256:
			return nil, refuse(validationError, "A tag's key must have 1 to 128 characters and its value at most 256.")
		case strings.HasPrefix(t.Key, "aws:"):
			return nil, refuse(invalidParameter, "Tag keys that begin with aws: are reserved.")
		}
		if i := slices.IndexFunc(merged, func(old tag) bool { return old.Key == t.Key }); i >= 0 {
			merged[i] = t
			continue
		}
		merged = append(merged, t)
	}
	if len(merged) > maxTags {
		return nil, refuse(invalidParameter, "A secret can have at most %d tags.", maxTags)
	}
	return merged, nil
}
