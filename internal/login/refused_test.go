package login_test

import (
	"fmt"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/login"
)

// An error that is about a parameter says nothing of the credential.
func TestAnErrorIsAboutAParameterOrTheCredential(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ query, code, message, want string }{
		{"", "28P01", "password authentication failed", "[]"},
		{"?sslcert=a&sslkey=b", "28000", "connection requires a valid client certificate", "[sslcert]"},
		{"?sslcert=a&sslkey=b", "28P01", "password authentication failed", "[]"},
		{"", "28000", "connection requires a valid client certificate", "[]"},
		{"?replication=database", "28000", "no entry for a replication connection", "[replication]"},
		{"?replication=database", "42501", "permission denied", "[replication]"},
		{"?replication=database", "28P01", "password authentication failed", "[]"},
		{"?replication=database", "3D000", "database does not exist", "[]"},
		{"?replication=", "28000", "no entry", "[]"},
		{"?replication=FALSE", "28000", "no entry", "[]"},
		{"?replication=off", "28000", "no entry", "[]"},
		{"?replication=no", "28000", "no entry", "[]"},
		{"?replication=0", "28000", "no entry", "[]"},
		{"?role=a&work_mem=b", "22023", "invalid value for parameter \"work_mem\"", "[work_mem]"},
		{"?role=a&work_mem=b", "22023", "ungültiger Wert", "[role work_mem]"},
		{"?role=a&work_mem=b", "42501", "permission denied to set role \"a\"", "[role]"},
		{"?role=a&work_mem=b", "42501", "permission denied for database", "[]"},
		{"?role=a&work_mem=b", "53300", "too many connections for role", "[]"},
		{"?options=-c%20work_mem%3Db", "22023", "invalid value for parameter \"work_mem\"", "[options]"},
		{"?options=--work_mem%3Db&role=a", "22023", "invalid value for parameter \"role\"", "[role]"},
	} {
		url, err := connection.Parse(credential.New("postgres://u1:pEXAMPLE@h/d1" + tt.query))
		if err != nil {
			t.Fatal(err)
		}
		got, err := login.Refused(url, tt.code, tt.message)
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s, %s %s: got %s, want %s: %v", tt.query, tt.code, tt.message, got, tt.want, err)
		}
	}
}

func TestNoRequireAuthAllowsThePasswordInClearText(t *testing.T) {
	t.Parallel()
	for allowed, want := range map[string]string{
		"":                        "!password",
		"password":                "", // nothing is left
		"!password":               "!password",
		"!md5":                    "!md5,!password",
		"!password, !md5":         "!md5,!password",
		"scram-sha-256":           "scram-sha-256",
		"password, scram-sha-256": "scram-sha-256",
		"md5,scram-sha-256":       "md5,scram-sha-256",
		"none":                    "none",
	} {
		got, err := login.WithoutClearText(allowed)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q becomes %q, want %q: %v", allowed, got, want, err)
		}
	}
}
