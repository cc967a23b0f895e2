package postgrestest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"keepcurrent.example/internal/testserver/certificate"
)

// settings are those of a throwaway server.
type settings struct {
	access   access
	cert     certificate.Certificate // the server's own
	client   certificate.Certificate // what it knows its clients by, if the access is mutualTLS
	port     int
	password string // of the superuser
	method   string // how clients prove who they are, "" for scram-sha-256
	lines    []string
}

// access is which connections a throwaway server takes.
type access string

const (
	tlsOnly   access = "hostssl" // as Heroku's
	plainOnly access = "hostnossl"
	// mutualTLS asks all but the superuser for a client certificate.
	mutualTLS access = "mutual"
)

// rules are the lines of pg_hba.conf for an address
// (https://www.postgresql.org/docs/current/auth-pg-hba-conf.html).
func (a access) rules(address, method string) string {
	if a == mutualTLS {
		return fmt.Sprintf("hostssl all postgres %[1]s %[2]s\nhostssl all all %[1]s %[2]s clientcert=verify-ca\n", address, method)
	}
	return fmt.Sprintf("%s all all %s %s\n", a, address, method)
}

// newSettings are settings with certificates of their own.
func newSettings(access access) (settings, error) {
	cert, err := certificate.SelfSigned()
	if err != nil {
		return settings{}, err
	}
	client, err := certificate.SelfSigned()
	return settings{access: access, cert: cert, client: client}, err
}

// url is the superuser's.
func (s settings) url() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/postgres"}
	return u.String()
}

// identity returns a client's certificate, its key and the root of the server's
// certificate, in the form that the tag heroku:client-tls needs in a secret.
func (s settings) identity() string {
	text, _ := json.Marshal(map[string]string{ // strings can always be written
		"certificate": string(s.client.Cert), "key": string(s.client.Key), "root": string(s.cert.Cert)})
	return string(text)
}

// files returns the files of the server's home. The server is started there, and works
// in the folder data. It does not write data durably, which makes it fast.
func (s settings) files() map[string]string {
	lines := []string{
		"hba_file = 'pg_hba.conf'",
		"listen_addresses = '127.0.0.1'",
		fmt.Sprintf("port = %d", s.port),
		"unix_socket_directories = ''",
		"max_connections = 100",
		"shared_buffers = 16MB",
		"dynamic_shared_memory_type = mmap", // in the directory, so that it goes with it
		"fsync = off",
		"synchronous_commit = off",
		"full_page_writes = off",
		"wal_level = minimal",
		"max_wal_senders = 0",
		"autovacuum = off",
		"password_encryption = scram-sha-256",
		"log_min_error_statement = panic", // statements hold passwords
	}
	if s.access != plainOnly {
		lines = append(lines, "ssl = on", "ssl_cert_file = '../server.crt'", "ssl_key_file = '../server.key'")
	}
	if s.access == mutualTLS {
		lines = append(lines, "ssl_ca_file = '../client.crt'")
	}
	lines = append(lines, s.lines...)
	method := cmp.Or(s.method, "scram-sha-256")
	return map[string]string{
		"postgresql.conf": strings.Join(lines, "\n") + "\n",
		"pg_hba.conf":     s.access.rules("127.0.0.0/8", method) + s.access.rules("::1/128", method),
		"client.crt":      string(s.client.Cert),
		"password":        s.password + "\n",
		"server.crt":      string(s.cert.Cert),
		"server.key":      string(s.cert.Key),
	}
}
