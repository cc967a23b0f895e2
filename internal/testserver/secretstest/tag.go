package secretstest

import "slices"

type tag struct{ Key, Value string }

type nothing struct{}

type tagInput struct {
	SecretId string
	Tags     []tag
}

func (s *store) tagResource(in tagInput) (nothing, error) {
	return s.retag(in.SecretId, func(tags []tag) []tag { return mergeTags(tags, in.Tags) })
}

type untagInput struct {
	SecretId string
	TagKeys  []string
}

func (s *store) untagResource(in untagInput) (nothing, error) {
	for _, key := range in.TagKeys {
		if err := checkTagKey(key); err != nil {
			return nothing{}, err
		}
	}
	return s.retag(in.SecretId, func(tags []tag) []tag {
		return slices.DeleteFunc(tags, func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	})
}

// retag changes a copy of the tags: the list may still show them as they were.
func (s *store) retag(id string, change func([]tag) []tag) (nothing, error) {
	c, err := s.writable(id)
	if err != nil {
		return nothing{}, err
	}
	after := change(slices.Clone(c.tags))
	if err := checkTags(after); err != nil {
		return nothing{}, err
	}
	c.tags = after
	s.changed(c)
	return nothing{}, nil
}

// mergeTags adds more to tags, or replaces those with the same key. Keys are
// case-sensitive.
func mergeTags(tags, more []tag) []tag {
	for _, t := range more {
		if i := slices.IndexFunc(tags, func(old tag) bool { return old.Key == t.Key }); i >= 0 {
			tags[i] = t
			continue
		}
		tags = append(tags, t)
	}
	return tags
}
