package connection

import "strings"

// Differs names the parts in which the URL differs from another: scheme, host,
// port, username, password, dbname, parameters. It names them and shows none.
func (u URL) Differs(from URL) []string {
	var parts []string
	for _, part := range []struct {
		name string
		same bool
	}{
		{"scheme", u.scheme() == from.scheme()},
		{"host", u.host == from.host},
		{"port", u.port == from.port},
		{"username", u.username == from.username},
		{"password", u.password.Equal(from.password)},
		{"dbname", u.database == from.database},
		{"parameters", u.query() == from.query()},
	} {
		if !part.same {
			parts = append(parts, part.name)
		}
	}
	return parts
}

func (u URL) scheme() string {
	scheme, _, _ := strings.Cut(u.text.Reveal(), ":")
	return scheme
}

func (u URL) query() string {
	_, query, _ := strings.Cut(u.text.Reveal(), "?")
	return query
}
