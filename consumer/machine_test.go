package consumer_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"keepcurrent.example/consumer"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
)

const exampleURL = "postgres://u:pEXAMPLE@127.0.0.1/d"

// What is wrong with the machine is not wrong with the secret. The environment is the
// process's, so these tests do not run beside others.
func TestASettingOfTheMachineIsNamed(t *testing.T) {
	folder := t.TempDir()
	service := filepath.Join(folder, "services")
	if err := os.WriteFile(service, []byte("[other]\nhost=h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		env   map[string]string
		query string
		want  []string
	}{
		"PGSSLROOTCERT": {map[string]string{"PGSSLROOTCERT": "/missing/root.crt"}, "", []string{"PGSSLROOTCERT", "open /missing/root.crt: no such file"}},
		"PGSSLCERT":     {map[string]string{"PGSSLCERT": "/missing/c", "PGSSLKEY": "/missing/k"}, "", []string{"PGSSLCERT, PGSSLKEY", "/missing/k: no such file"}},
		"PGSSLCERT without PGSSLKEY": {map[string]string{"PGSSLCERT": "/missing/c"}, "",
			[]string{"PGSSLCERT", `both "sslcert" and "sslkey" are required`}},
		"PGSERVICE without a file": {map[string]string{"PGSERVICE": "shop"}, "", []string{"PGSERVICE", "service file: " + folder}},
		"PGSERVICEFILE":            {map[string]string{"PGSERVICE": "shop", "PGSERVICEFILE": "/missing/services"}, "", []string{"PGSERVICEFILE", "/missing/services"}},
		"PGSERVICE that is not in the file": {map[string]string{"PGSERVICE": "shop", "PGSERVICEFILE": service}, "",
			[]string{"PGSERVICE", "unable to find service: shop"}},
		"PGTARGETSESSIONATTRS": {map[string]string{"PGTARGETSESSIONATTRS": "best"}, "", []string{"PGTARGETSESSIONATTRS", "unknown target_session_attrs value: best"}},
		"sslrootcert":          {nil, "sslrootcert=/missing/root.crt", []string{"the URL's sslrootcert", "open /missing/root.crt: no such file"}},
		"sslcert":              {nil, "sslcert=/missing/c&sslkey=/missing/k", []string{"the URL's sslcert, sslkey", "/missing/k: no such file"}},
		"service":              {nil, "service=shop", []string{"the URL's service"}},
		"PGMINPROTOCOLVERSION against the URL": {map[string]string{"PGMINPROTOCOLVERSION": "3.2"}, "max_protocol_version=3.0",
			[]string{"this machine does not go with the URL's max_protocol_version: check its files, and what this process has in PGMINPROTOCOLVERSION"}},
		"PGMAXPROTOCOLVERSION against the URL": {map[string]string{"PGMAXPROTOCOLVERSION": "3.0"}, "min_protocol_version=3.2&sslmode=require",
			[]string{"PGMAXPROTOCOLVERSION", "the URL's min_protocol_version"}},
		"a key as a path": {nil, "sslrootcert=-----BEGIN+EXAMPLE-----", []string{"the URL's sslrootcert: check its files"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOME", folder)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			for _, key := range []string{"", "db"} {
				text := exampleURL + "?" + tt.query
				if key != "" {
					text = fmt.Sprintf(`{"db":%q}`, text)
				}
				source := &consumer.Source{Client: &secret{value: text}, SecretID: "shop/database", Key: key}
				_, err := source.PoolConfig(t.Context())
				if !errors.Is(err, consumer.ErrSettings) {
					t.Fatalf("got %v", err)
				}
				for _, want := range tt.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("got %v, want it to have %q", err, want)
					}
				}
				if strings.Contains(err.Error(), "EXAMPLE") || strings.Contains(err.Error(), "keepcurrent.invalid") {
					t.Errorf("it shows what it should not: %v", err)
				}
			}
		})
	}
}

// pgx says these only at the login, and they are no fault of the network.
func TestASettingThatTheServerDoesNotMeetIsNamed(t *testing.T) {
	authority := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(authority, otherAuthority(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		variable, value, query, want string
	}{
		"require_auth":       {"PGREQUIREAUTH", "password", "sslmode=require", "asks for another kind of login"},
		"its parameter":      {"", "", "sslmode=require&require_auth=password", "asks for another kind of login"},
		"system certificate": {"PGSSLROOTCERT", "system", "", "certificate could not be verified"},
		"verify-full":        {"", "", "sslmode=verify-full", "certificate could not be verified"},
		"another authority":  {"PGSSLROOTCERT", authority, "sslmode=require", "certificate could not be verified"},
		"its parameters":     {"", "", "sslmode=verify-ca&sslrootcert=" + authority, "certificate could not be verified"},
		"a standby":          {"PGTARGETSESSIONATTRS", "standby", "sslmode=require", "is not of the kind"},
		"a reader":           {"", "", "sslmode=require&target_session_attrs=read-only", "is not of the kind"},
		"an old server":      {"PGMINPROTOCOLVERSION", "3.2", "sslmode=require", "protocol is too old"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t) // first, because it may start the server without any such variable
			if tt.variable != "" {
				t.Setenv(tt.variable, tt.value)
			}
			s.source.Wait = time.Nanosecond
			before, _, _ := strings.Cut(s.db.URL(), "?")
			s.secret.put(before + "?" + tt.query)
			_, err := s.source.ConnConfig(t.Context())
			if !errors.Is(err, consumer.ErrSettings) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if tt.variable != "" && !strings.Contains(err.Error(), tt.variable) {
				t.Errorf("it does not name %s: %v", tt.variable, err)
			}
			silent(t, s, err)
		})
	}
}

// otherAuthority returns the certificate of an authority that has signed nothing here.
func otherAuthority(t *testing.T) []byte {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func TestAServerWithoutChannelBindingIsNamed(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Wait = time.Nanosecond
	s.db.Intercept(func() postgrestest.Fault { return postgrestest.Challenge("r=x,s=c2FsdA==,i=1") })
	before, _, _ := strings.Cut(s.db.URL(), "?")
	s.secret.put(before + "?sslmode=require&channel_binding=require")
	_, err := s.source.ConnConfig(t.Context())
	if !errors.Is(err, consumer.ErrSettings) || !strings.Contains(err.Error(), "no channel binding: check channel_binding in the URL") {
		t.Errorf("got %v", err)
	}
	silent(t, s, err)
}

func TestAServerWithoutTLSIsNamed(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, 8)) // SSLRequest
			_, _ = conn.Write([]byte("N"))
			_ = conn.Close()
		}
	}()
	value := fmt.Sprintf("postgres://u:pEXAMPLE@%s/d", listener.Addr())
	source := &consumer.Source{Client: &secret{value: value}, SecretID: "shop/database", Wait: time.Nanosecond}
	_, err = source.ConnConfig(t.Context())
	if !errors.Is(err, consumer.ErrSettings) || !strings.Contains(err.Error(), "the server has no TLS") || !strings.Contains(err.Error(), "sslmode") {
		t.Errorf("got %v", err)
	}
}

func TestAMachineWithoutAHomeAndAPasswordFileIsNoFault(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("PGPASSFILE", "/missing/pgpass")
	source := &consumer.Source{Client: &secret{value: exampleURL}, SecretID: "shop/database"}
	if _, err := source.PoolConfig(t.Context()); err != nil {
		t.Error(err)
	}
}

// The SDK has no types for these errors, so the test asks the real one.
func TestWhatIsWrongWithAWSsSettingsIsNamed(t *testing.T) {
	answering := func(status int, body string) *httptest.Server {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
		t.Cleanup(server.Close)
		return server
	}
	start := func(server *httptest.Server) string { server.Start(); return server.URL }
	const denied = `<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_0/me ` +
		`is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>`
	sts, html := start(answering(403, denied)), start(answering(403, "<html>EXAMPLE</html>"))
	page, empty := start(answering(200, "<html>EXAMPLE</html>")), start(answering(403, ""))
	denying, gone := start(answering(403, `{"__type":"ForbiddenException","message":"No access"}`)), "http://"+unusedAddress(t)
	secure := answering(200, "")
	secure.StartTLS()
	const (
		role    = "arn:aws:iam::123456789012:role/r"
		nothing = "the AWS SDK got no credentials"
		login   = "run aws sso login"
		address = "check AWS_ENDPOINT_URL"
		keys    = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
	)
	key := func(more ...string) []string {
		return append([]string{"AWS_REGION", "eu-west-1", "AWS_ACCESS_KEY_ID", "EXAMPLE", "AWS_SECRET_ACCESS_KEY", "EXAMPLE"}, more...)
	}
	for name, tt := range map[string]struct {
		env  []string
		want []string // in the error
		not  string   // in it
	}{
		"no Region":               {key("AWS_REGION", ""), []string{"the AWS SDK knows no Region: set AWS_REGION"}, ""},
		"a Region that is none":   {key("AWS_REGION", "eu west 1"), []string{"AWS_REGION", "no Region's name"}, ""},
		"no credentials":          {[]string{"AWS_REGION", "eu-west-1"}, []string{nothing + ": give the task"}, ""},
		"half of a key":           {key("AWS_SECRET_ACCESS_KEY", ""), []string{nothing + " from AWS_ACCESS_KEY_ID: give the task"}, ""},
		"the other half of a key": {key("AWS_ACCESS_KEY_ID", ""), []string{nothing + " from AWS_SECRET_ACCESS_KEY: give the task"}, ""},
		"a process that fails in a container": {[]string{"AWS_PROFILE", "process", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/r"},
			[]string{nothing + " from AWS_PROFILE, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: its credential_process fails"}, ""},
		"a key with a line end":  {key("AWS_ACCESS_KEY_ID", "EXAMPLE\n"), []string{"a blank or a line end", keys}, ""},
		"a missing token file":   {[]string{"AWS_REGION", "eu-west-1", "AWS_ROLE_ARN", role, "AWS_WEB_IDENTITY_TOKEN_FILE", "/missing/token"}, []string{nothing + " from AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE: the file with the token cannot be read"}, "give the"},
		"a token that is denied": {[]string{"AWS_REGION", "eu-west-1", "AWS_ROLE_ARN", role, "AWS_WEB_IDENTITY_TOKEN_FILE", "/dev/null", "AWS_ENDPOINT_URL_STS", sts}, []string{nothing + " from AWS_ROLE_ARN, ", "not authorized to perform: sts:AssumeRole"}, "give the"},
		"a role that is denied":  {[]string{"AWS_PROFILE", "role", "AWS_ENDPOINT_URL_STS", sts}, []string{nothing + " from AWS_PROFILE: ", "not authorized to perform: sts:AssumeRole"}, "sso"},
		"a missing token file of a container": {[]string{"AWS_REGION", "eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI", html, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/missing/token"},
			[]string{nothing + " from AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: the file with the token cannot be read"}, ""},
		"no session of single sign-on":             {[]string{"AWS_PROFILE", "new"}, []string{login}, ""},
		"an old profile without a session":         {[]string{"AWS_PROFILE", "old"}, []string{login}, ""},
		"a session of single sign-on that expired": {[]string{"AWS_PROFILE", "expired"}, []string{login}, ""},
		"a role that single sign-on denies":        {[]string{"AWS_PROFILE", "valid", "AWS_ENDPOINT_URL_SSO", denying}, []string{nothing + " from AWS_PROFILE: ", "ForbiddenException: No access"}, "aws sso login"},
		"a role's address that does not answer":    {[]string{"AWS_REGION", "eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI", gone}, []string{nothing + " from AWS_CONTAINER_CREDENTIALS_FULL_URI: give the task", "connection refused"}, ""},
		"no session of aws login":                  {[]string{"AWS_PROFILE", "login"}, []string{"run aws login"}, ""},
		"a process that fails":                     {[]string{"AWS_PROFILE", "process"}, []string{nothing + " from AWS_PROFILE: its credential_process fails: exit status 3"}, "give the"},
		"a process that answers something else":    {[]string{"AWS_PROFILE", "garbage"}, []string{nothing + " from AWS_PROFILE: its credential_process fails"}, "give the"},
		"a certificate that nobody trusts":         {key("AWS_ENDPOINT_URL", secure.URL), []string{"certificate", "AWS_CA_BUNDLE"}, ""},
		"an address without a scheme":              {key("AWS_ENDPOINT_URL", "localhost:4566"), []string{address, "https://"}, ""},
		"an address that is none":                  {key("AWS_ENDPOINT_URL", "http://a b"), []string{address, "https://"}, ""},
		"an address that does not speak TLS":       {key("AWS_ENDPOINT_URL", strings.Replace(html, "http:", "https:", 1)), []string{address, "without TLS"}, ""},
		"a proxy that refuses with a page":         {key("AWS_ENDPOINT_URL", html), []string{"HTTP 403", address, "HTTPS_PROXY"}, ""},
		"a proxy that refuses with nothing":        {key("AWS_ENDPOINT_URL", empty), []string{"HTTP 403", address, "HTTPS_PROXY"}, ""},
		"a proxy that answers with a page":         {key("AWS_ENDPOINT_URL", page), []string{"HTTP 200", address, "HTTPS_PROXY"}, ""},
		"a name that DNS does not know":            {key("AWS_ENDPOINT_URL", "http://host.invalid"), []string{"lookup host.invalid"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			home(t)
			for i := 0; i < len(tt.env); i += 2 {
				t.Setenv(tt.env[i], tt.env[i+1])
			}
			settings, err := config.LoadDefaultConfig(t.Context(), config.WithRetryMaxAttempts(1))
			if err != nil {
				t.Fatal(err)
			}
			source := &consumer.Source{Client: secretsmanager.NewFromConfig(settings), SecretID: "shop/database"}
			_, err = source.PoolConfig(t.Context())
			if !errors.Is(err, consumer.ErrUnread) || strings.Contains(err.Error(), "EXAMPLE") || tt.not != "" && strings.Contains(err.Error(), tt.not) {
				t.Errorf("got %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to have %q", err, want)
				}
			}
		})
	}
}

// unusedAddress returns an address of this machine where nothing listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// home makes an environment of AWS's that has nothing but profiles.
func home(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", folder)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(folder, ".aws/config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(folder, ".aws/credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	const account = "sso_account_id = 123456789012\nsso_role_name = r\nregion = eu-west-1\n"
	const session = "sso_region = eu-west-1\nsso_start_url = https://shop.awsapps.example/start\n"
	for file, text := range map[string]string{
		"config": "[profile new]\nsso_session = none\n" + account + "[profile expired]\nsso_session = s\n" + account + "[profile old]\n" + account + session +
			"[profile valid]\nsso_session = v\n" + account + "[sso-session v]\n" + session + "[sso-session none]\n" + session + "[sso-session s]\n" + session + "[profile process]\ncredential_process = exit 3\nregion = eu-west-1\n" +
			"[profile garbage]\ncredential_process = echo EXAMPLE of SSO\nregion = eu-west-1\n[profile login]\nregion = eu-west-1\nlogin_session = arn:aws:iam::123456789012:user/u\n" +
			"[profile role]\nregion = eu-west-1\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = key\n[profile key]\naws_access_key_id = EXAMPLE\naws_secret_access_key = EXAMPLE\n",
		// The SDK names each file by SHA-1 of the session's name: s and v.
		"sso/cache/a0f1490a20d0211c997b44bc357e1972deab8ae3.json": `{"accessToken":"EXAMPLE","expiresAt":"2020-01-01T00:00:00Z"}`,
		"sso/cache/7a38d8cbd20d9932ba948efaa364bb62651d5ad4.json": `{"accessToken":"EXAMPLE","expiresAt":"2999-01-01T00:00:00Z"}`,
	} {
		path := filepath.Join(folder, ".aws", file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnErrorOfSecretsManagersSaysWhatToDo(t *testing.T) {
	t.Parallel()
	server := secretstest.NewServer()
	t.Cleanup(server.Close)
	client := server.Client()
	for _, name := range []string{"deleted", "empty"} {
		if _, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("deleted")}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"missing": "check the secret's name, the Region and the account",
		"deleted": "aws secretsmanager restore-secret",
		"empty":   "the secret has no value yet",
	} {
		_, err := (&consumer.Source{Client: client, SecretID: id}).PoolConfig(t.Context())
		var e smithy.APIError
		if !errors.Is(err, consumer.ErrUnread) || !strings.Contains(err.Error(), want) || !errors.As(err, &e) {
			t.Errorf("%s: got %v, want %s", id, err, want)
		}
	}
	// These are the messages of AWS's, which the test server has no reason for.
	for _, tt := range []struct{ code, message, want string }{
		{"AccessDeniedException", "User: u is not authorized to perform: secretsmanager:GetSecretValue", "allow secretsmanager:GetSecretValue"},
		{"AccessDeniedException", "Access to KMS is not allowed", "allow kms:Decrypt"},
		{"DecryptionFailure", "Secrets Manager can't decrypt the secret value", "kms:Decrypt is allowed"},
		{"ExpiredTokenException", "The security token included in the request is expired", "renew them"},
		{"UnrecognizedClientException", "The security token included in the request is invalid.", "renew them"},
		{"ExpiredToken", "The provided token has expired.", "renew them"},
		{"InvalidClientTokenId", "The security token included in the request is invalid.", "renew them"},
		{"IncompleteSignature", "The request signature does not conform to AWS standards.", "renew them"},
		{"InvalidSignatureException", "Signature expired", "renew them"},
		{"SignatureDoesNotMatch", "The request signature we calculated does not match", "renew them"},
		{"InvalidRequestException", "You can't perform this operation", "the secret cannot be read: api error InvalidRequestException"},
	} {
		failing := &secret{}
		failing.meanwhile(func(context.Context, int) error {
			return &smithy.GenericAPIError{Code: tt.code, Message: tt.message}
		})
		_, err := (&consumer.Source{Client: failing, SecretID: "shop/database"}).PoolConfig(t.Context())
		if !errors.Is(err, consumer.ErrUnread) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.message) {
			t.Errorf("%s: got %v, want %s", tt.code, err, tt.want)
		}
	}
}

func TestAURLForOtherToolsIsProvenAndWhole(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Wait = time.Nanosecond
	s.secret.put(s.db.URL() + "?application_name=shop&sslmode=require")
	text, err := s.source.URL(t.Context())
	s.must(err)
	if want := s.db.URL() + "?application_name=shop&sslmode=require"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	u, err := url.Parse(s.db.URL())
	s.must(err)
	password, _ := u.User.Password()
	s.secret.put(fmt.Sprintf(`{"engine":"aurora-postgresql","host":%q,"port":%q,"username":%q,"password":%q,"dbname":%q}`,
		u.Hostname(), u.Port(), u.User.Username(), password, u.Path[1:]))
	s.must(s.db.Rotate(t.Context()))
	if text, err := s.source.URL(t.Context()); text != "" || !errors.Is(err, consumer.ErrRefused) {
		t.Errorf("a dead credential: %v", err)
	}
	s.publish()
	if text, err := s.source.URL(t.Context()); err != nil || text != s.db.URL()+"?sslmode=require" {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestASourceWithoutAClientSaysSo(t *testing.T) {
	t.Parallel()
	source := &consumer.Source{SecretID: "shop/database"}
	if _, err := source.PoolConfig(t.Context()); !errors.Is(err, consumer.ErrUnread) || !strings.Contains(err.Error(), "Source.Client") {
		t.Errorf("got %v", err)
	}
}
