package e2e_test

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/test/runbook"
	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// tag changes tags of a secret, as a person does.
func (s *stack) tag(secret string, tags ...string) {
	s.t.Helper()
	in := &secretsmanager.TagResourceInput{SecretId: &secret}
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, "=")
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	_, err := s.AWS.TagResource(s.t.Context(), in)
	s.must(err)
}

// patient is a secret of its own app with its own database.
type patient struct {
	*stack
	app    *herokutest.App
	db     *postgrestest.Database
	secret string
}

// answers makes the database answer each login with an error.
func (p *patient) answers(sqlstate, message string) {
	p.db.Intercept(func() postgrestest.Fault { return postgrestest.Say(sqlstate, message) })
}

// A person who reads an error finds its row in the runbook, does what stands there, and the
// next poll fills the secret.
func TestTheRunbooksRemedyHeals(t *testing.T) {
	t.Parallel()
	page, err := runbook.Read("../../..")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := runbook.Rows(page)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		tags   []string // beside heroku:app and heroku:format=url
		filled bool     // before it is spoiled
		spoil  func(p *patient)
		row    string // a text of the row that the error leads to
		says   string // and of the remedy
		heal   func(p *patient)
	}{
		"no-token": {
			tags: []string{"heroku:token=no-token"},
			spoil: func(p *patient) {
				_, err := p.AWS.CreateSecret(p.t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("no-token")})
				p.must(err)
			},
			row: "staging label: AWSCURRENT", says: "put a value into it",
			heal: func(p *patient) { p.put("no-token", p.Heroku.Authorize("read-protected")+"\n") },
		},
		"blank-token": {
			tags:  []string{"heroku:token=blank-token"},
			spoil: func(p *patient) { p.create("blank-token", " \n") },
			row:   "it is empty: put a value into it", says: "put a value into it",
			heal: func(p *patient) { p.put("blank-token", p.Heroku.Authorize("read-protected")) },
		},
		"json-token": {
			tags:  []string{"heroku:token=json-token"},
			spoil: func(p *patient) { p.create("json-token", `{"token":"HRKU-EXAMPLE"}`) },
			row:   "its value is no API token", says: "no JSON",
			heal: func(p *patient) { p.put("json-token", p.Heroku.Authorize("read-protected")) },
		},
		"cut-token": {
			tags:  []string{"heroku:token=cut-token"},
			spoil: func(p *patient) { p.create("cut-token", "HRKU-EXA\nMPLE") },
			row:   "its value is no API token", says: "line end in the middle",
			heal: func(p *patient) { p.put("cut-token", p.Heroku.Authorize("read-protected")+"\r\n") },
		},
		"no-such-token": {
			tags: []string{"heroku:token=nowhere"},
			row:  "ResourceNotFoundException", says: "correct the name",
			heal: func(p *patient) { p.tag(p.secret, "heroku:token="+stacktest.TokenSecret) },
		},
		"revoked-token": {
			tags:  []string{"heroku:token=revoked-token"},
			spoil: func(p *patient) { p.create("revoked-token", "HRKU-EXAMPLE-revoked") },
			row:   "the API token is not valid", says: "#tokenrefused",
			heal: func(p *patient) { p.put("revoked-token", p.Heroku.Authorize("read-protected")) },
		},
		"other-app": {
			spoil: func(p *patient) { p.tag(p.secret, "heroku:app=no-such-app") },
			row:   "Heroku answered 404", says: "Correct the tag",
			heal: func(p *patient) { p.tag(p.secret, "heroku:app="+p.app.Name) },
		},
		"foreign-app": {
			spoil: func(p *patient) {
				p.Heroku.CreateForeignApp("theirs")
				p.tag(p.secret, "heroku:app=theirs")
			},
			row: "the API token works, but not for this app", says: "`heroku:app`",
			heal: func(p *patient) { p.tag(p.secret, "heroku:app="+p.app.Name) },
		},
		"no-config-var": {
			tags: []string{"heroku:config-var=DATABASE"},
			row:  "the app has no such config var", says: "heroku:config-var",
			heal: func(p *patient) { p.tag(p.secret, "heroku:config-var=DATABASE_URL") },
		},
		"a-format": {
			tags: []string{"heroku:format=URL"},
			row:  "a tag is invalid", says: "correct it",
			heal: func(p *patient) { p.tag(p.secret, "heroku:format=url") },
		},
		"line-end": {
			spoil: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()+"\n") },
			row:   "a blank or a line end", says: "set the config var again",
			heal: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()) },
		},
		"quotes": {
			spoil: func(p *patient) { p.app.Set("DATABASE_URL", `"`+p.db.URL()+`"`) },
			row:   "quotes around the URL", says: "set the config var again",
			heal: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()) },
		},
		"another-url": {
			tags:  []string{"heroku:config-var=SEARCH_URL"},
			spoil: func(p *patient) { p.app.Set("SEARCH_URL", "https://u:pEXAMPLE@search.example") },
			row:   "its scheme is not postgres", says: "heroku:config-var",
			heal: func(p *patient) { p.tag(p.secret, "heroku:config-var=DATABASE_URL") },
		},
		"redis": {
			tags: []string{"heroku:config-var=REDIS_URL", "heroku:verify=off"},
			spoil: func(p *patient) {
				p.app.Set("REDIS_URL", "redis://:pEXAMPLE@store.example:6379")
				p.app.Set("REDIS_TLS_URL", "rediss://:pEXAMPLE@store.example:6380")
			},
			row: "its scheme redis is without TLS", says: "REDIS_TLS_URL",
			heal: func(p *patient) { p.tag(p.secret, "heroku:config-var=REDIS_TLS_URL") },
		},
		"wrong-password": {
			spoil: func(p *patient) {
				p.app.Set("DATABASE_URL", strings.Replace(p.db.URL(), "@", "EXAMPLE@", 1))
			},
			row: "answers SQLSTATE 28P01", says: "config var",
			heal: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()) },
		},
		"unreachable": {
			spoil: func(p *patient) { p.must(p.db.Refuse()) },
			row:   "the server cannot be reached", says: "heroku:verify=off",
			heal: func(p *patient) { p.tag(p.secret, "heroku:verify=off") },
		},
		"unknown-host": {
			spoil: func(p *patient) { p.app.Set("DATABASE_URL", "postgres://u:pEXAMPLE@db.invalid/d") },
			row:   "its name is not known", says: "heroku:verify=off",
			heal: func(p *patient) { p.tag(p.secret, "heroku:verify=off") },
		},
		"full": {
			spoil: func(p *patient) { p.must(p.db.LimitRole(p.t.Context(), 0)) },
			row:   "no connection left (SQLSTATE 53300)", says: "Close connections",
			heal: func(p *patient) { p.must(p.db.LimitRole(p.t.Context(), -1)) },
		},
		"starts": {
			spoil: func(p *patient) { p.answers("57P03", "the database system is starting up") },
			row:   "takes no login now", says: "Wait",
			heal: func(p *patient) { p.db.Intercept(nil) },
		},
		"no-right": {
			spoil: func(p *patient) { p.answers("42501", "permission denied for database") },
			row:   "takes no login now (SQLSTATE 42501)", says: "GRANT CONNECT",
			heal: func(p *patient) { p.db.Intercept(nil) },
		},
		"parameter": {
			spoil: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()+"?schema=public") },
			row:   "is refused by the server", says: "heroku:verify=server",
			heal: func(p *patient) { p.tag(p.secret, "heroku:verify=server") },
		},
		"a-certificate": {
			spoil: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()+"?sslmode=verify-ca") },
			row:   "certificate could not be verified", says: "heroku:client-tls",
			heal: func(p *patient) {
				p.create("a-root", rootOf(p))
				p.tag(p.secret, "heroku:client-tls=a-root")
			},
		},
		"text": {
			tags:  []string{"heroku:format=key"},
			spoil: func(p *patient) { p.put(p.secret, "hunter2-EXAMPLE") },
			row:   "is not one JSON object", says: "one JSON object",
			heal: func(p *patient) { p.put(p.secret, `{"other":"EXAMPLE"}`) },
		},
		"binary-token": {
			tags: []string{"heroku:token=binary-token"},
			spoil: func(p *patient) {
				p.create("binary-token", "EXAMPLE")
				p.putBinary("binary-token", "HRKU-EXAMPLE")
			},
			row: "put in as binary", says: "--secret-string",
			heal: func(p *patient) { p.put("binary-token", p.Heroku.Authorize("read-protected")) },
		},
		"a-setting": {
			spoil: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()+"?log_statement=all") }, // 42501, as for a user without CONNECT
			row:   "is refused by the server", says: "heroku:verify=server",
			heal: func(p *patient) { p.tag(p.secret, "heroku:verify=server") },
		},
		"full-pooler": {
			spoil: func(p *patient) { p.answers("08P01", "no more connections allowed (max_client_conn)") },
			row:   "the server has no connection left", says: "Close connections",
			heal: func(p *patient) { p.db.Intercept(nil) },
		},
		"pooler-alone": {
			spoil: func(p *patient) {
				p.answers("08P01", "server login has been failing, try again later (server_login_retry)")
			},
			row: "takes no login now", says: "Wait",
			heal: func(p *patient) { p.db.Intercept(nil) },
		},
		"pooler": {
			spoil: func(p *patient) { p.answers("08P01", "no such user: u") },
			row:   "the server refuses the login", says: "08P01",
			heal: func(p *patient) { p.db.Intercept(nil) },
		},
		"forbidden-token": {
			tags: []string{"heroku:token=forbidden-token"},
			spoil: func(p *patient) {
				p.create("forbidden-token", p.Heroku.Authorize("read-protected"))
				p.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault {
					if c.SecretID == "forbidden-token" {
						return secretstest.Fail(400, "AccessDeniedException")
					}
					return nil
				})
			},
			row: "AccessDenied", says: "MoreSecretArns",
			heal: func(p *patient) { p.Secrets.Intercept(nil) },
		},
		"hangs": {
			spoil: func(p *patient) { p.db.Intercept(func() postgrestest.Fault { return postgrestest.Hang }) },
			row:   "it did not answer in time", says: "Wait",
			heal: func(p *patient) { p.db.Intercept(nil) },
		},
		"no-certificate": {
			spoil: func(p *patient) {
				cluster, identity := postgrestest.RunMutual(p.t)
				db, err := cluster.NewDatabase(p.t.Context())
				p.must(err)
				p.app.Set("DATABASE_URL", db.URL())
				p.create("a-certificate", identity)
			},
			row: "answers SQLSTATE 28000", says: "heroku:client-tls",
			heal: func(p *patient) { p.tag(p.secret, "heroku:client-tls=a-certificate") },
		},
		"held": {
			filled: true,
			spoil: func(p *patient) {
				p.app.Set("DATABASE_URL", strings.Replace(p.db.URL(), "@", "EXAMPLE@", 1))
			},
			row: "answers SQLSTATE 28P01", says: "config var",
			heal: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()) },
		},
		"not-understood": {
			filled: true,
			spoil: func(p *patient) {
				p.put(p.secret, "hunter2-EXAMPLE")
				p.app.Set("DATABASE_URL", strings.Replace(p.db.URL(), "@", "EXAMPLE@", 1))
			},
			row: "answers SQLSTATE 28P01", says: "config var",
			heal: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()) },
		},
		"an-old-config-var": {
			filled: true,
			spoil:  func(p *patient) { p.must(p.db.Rotate(p.t.Context())) },
			row:    "answers SQLSTATE 28P01", says: "a person has set the config var",
			heal: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()) },
		},
		"both-dead": {
			filled: true,
			spoil: func(p *patient) {
				p.must(p.db.Rotate(p.t.Context()))
				p.app.Set("DATABASE_URL", strings.Replace(p.db.URL(), "@", "EXAMPLE@", 1))
			},
			row: "answers SQLSTATE 28P01", says: "config var",
			heal: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()) },
		},
		"a-promotion": {
			filled: true,
			spoil:  func(p *patient) { p.app.Unset("DATABASE_URL") },
			row:    "the app has no such config var", says: "wait",
			heal: func(p *patient) { p.app.Set("DATABASE_URL", p.db.URL()) },
		},
	}
	s := start(t, stacktest.Config{})
	patients := make(map[string]*patient)
	for name, test := range tests {
		p := &patient{stack: s, app: s.Heroku.CreateApp(name), db: s.database()}
		s.Heroku.Provision(p.app, p.db)
		p.secret = s.bind(name, name+"/database", "heroku:format=url")
		if len(test.tags) > 0 {
			s.tag(p.secret, test.tags...)
		}
		patients[name] = p
		if test.spoil != nil && !test.filled {
			test.spoil(p)
		}
	}
	s.failingPoll()
	for name, test := range tests {
		if test.filled {
			test.spoil(patients[name])
		}
	}
	plan := func() map[string]report.Line {
		lines := make(map[string]report.Line)
		for _, line := range s.poll(`{"dryRun":true}`).Plan {
			lines[strings.TrimSuffix(string(line.Secret), "/database")] = line
		}
		if len(lines) != len(tests) {
			t.Errorf("the plan has %d secrets", len(lines))
		}
		return lines
	}
	for name, line := range plan() {
		test := tests[name]
		row, found := runbook.Find(rows, string(line.Error))
		if !found || !row.Matches(test.row) || !strings.Contains(row.Do, test.says) {
			t.Errorf("%s: %s\n\tleads to the row of %q\n\tand not to %q, which says %q", name, line.Error, row.Texts, test.row, test.says)
		}
		test.heal(patients[name])
	}
	s.must(s.Deploy(stacktest.Config{Functions: compiled})) // a container that runs reads a refused token again after 30 s
	s.poll()
	for name, line := range plan() {
		if line.Outcome != "unchanged" || line.Error != "" {
			t.Errorf("%s: after the remedy it is %s: %s", name, line.Outcome, line.Error)
		}
	}
}

// rootOf returns the certificate of a database's server, in PEM, as the secret of
// heroku:client-tls holds it.
func rootOf(p *patient) string {
	p.t.Helper()
	config, err := pgconn.ParseConfig(p.db.URL() + "?sslmode=require")
	p.must(err)
	var root []byte
	config.TLSConfig.VerifyConnection = func(state tls.ConnectionState) error {
		root = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: state.PeerCertificates[0].Raw})
		return nil
	}
	conn, err := pgconn.ConnectConfig(p.t.Context(), config)
	p.must(err)
	p.must(conn.Close(p.t.Context()))
	value, err := json.Marshal(map[string]string{"root": string(root)})
	p.must(err)
	return string(value)
}
