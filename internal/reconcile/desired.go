package reconcile

import (
	"errors"
	"fmt"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

// desired is what a secret ought to hold for a binding.
type desired struct {
	url connection.URL
	// text is the secret's whole value or, with [FormatKey], that of the key.
	text credential.Value
}

// desiredOf returns what the secret ought to hold. It fails if the app has no such config
// var, or if that holds nothing that can be written as the tags ask.
func desiredOf(b Binding, vars map[string]credential.Value) (d desired, err error) {
	text, present := vars[b.ConfigVar]
	if !present {
		return d, notYet{errors.New("the app has no such config var; the secret stays as it is")}
	}
	if d.url, err = b.asTagged(connection.Parse(text)); err != nil {
		return d, fmt.Errorf("the config var holds no connection URL that a consumer could use; the secret stays as it is: %w", err)
	}
	// Beside a Postgres, a key can hold the URL of a Redis, whose scheme has one spelling.
	if b.Scheme != "" && (b.Format != FormatKey || d.url.Engine() == connection.Postgres) {
		if d.url, err = d.url.Spelt(b.Scheme); err != nil {
			return d, fmt.Errorf("%w: tag %s: %w", ErrTag, SchemeTag, err)
		}
	}
	d.text = d.url.Text()
	if b.Format == FormatJSON {
		if d.text, err = d.url.JSON(b.Key); err != nil {
			return desired{}, err
		}
	}
	return d, nil
}

// asTagged returns the URL with the sslmode that the tags ask for.
func (b Binding) asTagged(url connection.URL, err error) (connection.URL, error) {
	if err == nil && b.SSLMode == SSLModeUnchanged {
		return url.Unchanged()
	}
	return url, err
}

// members are those that the secret's value ought to have.
func (d desired) members(b Binding) connection.Members {
	if b.Format == FormatKey {
		return connection.MemberOf(b.Key, d.text)
	}
	return connection.MembersOf(d.text)
}

// memberNames are those that the desired values of the secret's bindings can have.
func (b Binding) memberNames() []string {
	if b.Format != FormatKey {
		return append(connection.Parts(), b.Key)
	}
	names := []string{b.Key}
	siblings, err := ParseBindings(b.Secret)
	for _, sibling := range siblings {
		if err == nil {
			names = append(names, sibling.Key)
		}
	}
	return names
}

// payload returns the whole value that the secret ought to hold, if it holds another now.
func (d desired) payload(b Binding, there credential.Value) (credential.Value, error) {
	if b.Format != FormatKey {
		return d.text, nil
	}
	payload, err := connection.With(there, b.Key, d.text)
	if err != nil {
		return payload, fmt.Errorf("%w: key %s: %w", ErrValue, b.Key, err)
	}
	return payload, nil
}

// heldURL returns the URL that the secret's value holds for a binding.
func heldURL(b Binding, value credential.Value) (connection.URL, error) {
	if b.Format == FormatKey {
		return b.asTagged(connection.Member(value, b.Key))
	}
	return b.asTagged(connection.Read(value, b.Key))
}

// hasOtherKeys reports whether a publication would remove keys that are not ours.
func hasOtherKeys(b Binding, value credential.Value) bool {
	return b.Format != FormatKey && connection.HasOtherKeys(value, b.Key)
}

// ForAPerson reports whether only a person can repair what has failed: an invalid tag, a
// secret that another owner writes, a value that cannot take our key.
func (r Result) ForAPerson() bool {
	return errors.Is(r.Err, ErrTag) || errors.Is(r.Err, ErrOwned) || errors.Is(r.Err, ErrValue)
}
