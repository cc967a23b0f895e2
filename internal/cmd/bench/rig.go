package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// far is the distance of the remotes: the round trip, and the time of the server's work.
type far struct{ trip, work time.Duration }

func (f far) call() time.Duration { return f.trip + f.work }

// distances are those of the three remotes.
type distances struct {
	aws, heroku far
	postgres    time.Duration
}

// usual is the case of a Region near the database, and Heroku's API across an ocean.
var usual = distances{
	aws:      far{2 * time.Millisecond, 8 * time.Millisecond},
	heroku:   far{80 * time.Millisecond, 70 * time.Millisecond},
	postgres: 20 * time.Millisecond,
}

// rig is a stack with distance and TLS before each of its remotes, and two bindings.
type rig struct {
	*stacktest.Stack
	*binding          // in the format url
	inObject *binding // in the format key, behind members of another writer

	awsURL, herokuURL, authorities string
	lines                          []*line // to AWS and to Heroku
	closers                        []func() error

	mu    sync.Mutex // guards what follows
	calls []call
}

// binding is a secret that follows the database of an app.
type binding struct {
	app    *herokutest.App
	addon  *herokutest.AddOn
	db     *distant
	secret string // its ARN
	before string // what the secret holds before the URL
}

// distant is a database at the end of a line.
type distant struct {
	*postgrestest.Database
	*line
}

func (d *distant) URL() string {
	u, err := url.Parse(d.Database.URL())
	if err != nil {
		panic("the database's URL is none")
	}
	u.Host = d.address()
	return u.String()
}

// newRig starts a rig with the functions in a folder, at the usual distances.
func newRig(ctx context.Context, functions string) (r *rig, err error) {
	r = &rig{}
	config := stacktest.Config{Functions: functions}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.Stack, err = stacktest.Start(ctx, config); err != nil {
		return r, err
	}
	r.closers = append(r.closers, r.Stack.Close)
	r.Heroku.SetRateLimit(1 << 30) // the account's hourly requests are not the matter here
	upstream, err := url.Parse(r.Heroku.URL)
	if err != nil {
		return r, err
	}
	if r.awsURL, err = r.serve(r.record(usual.aws.work, action, r.Secrets), usual.aws.trip); err != nil {
		return r, err
	}
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) } // a reset stays one
	if r.herokuURL, err = r.serve(r.record(usual.heroku.work, route, proxy), usual.heroku.trip); err != nil {
		return r, err
	}
	config.Env = append(r.remotes(), "LOG_LEVEL=info")
	if err := r.Deploy(config); err != nil {
		return r, err
	}
	return r, r.provision(ctx)
}

// remotes are the environment variables that give a program the addresses of the remotes
// and the certificates to trust.
func (r *rig) remotes() []string {
	return []string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + r.awsURL,
		"HEROKU_API_URL=" + r.herokuURL,
		"SSL_CERT_FILE=" + r.authorities,
	}
}

// provision makes both bindings, and fills their secrets.
func (r *rig) provision(ctx context.Context) (err error) {
	if r.binding, err = r.bind(ctx, "shop", "heroku:format=url"); err != nil {
		return err
	}
	if r.inObject, err = r.bind(ctx, "shop-key", "heroku:format=key"); err != nil {
		return err
	}
	const others = `{"STRIPE_KEY":"EXAMPLE","price":1.50`
	r.inObject.before = others + `,"DATABASE_URL":"`
	if _, err := r.AWS.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &r.inObject.secret, SecretString: aws.String(others + "}")}); err != nil {
		return err
	}
	if _, err = r.Poll(ctx); err != nil {
		return err
	}
	return r.announce(r.binding)(ctx)
}

const boundSecret = "shop/database"

// rebind replaces the secret in the format url by a new one and fills it: AWS keeps about a
// hundred versions. The webhook has seen the new one when rebind returns.
func (r *rig) rebind(ctx context.Context) (err error) {
	if _, err := r.AWS.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &r.secret, ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil {
		return err
	}
	if r.secret, err = r.Bind(ctx, r.app.Name, boundSecret, "heroku:format=url"); err != nil {
		return err
	}
	if _, err = r.Poll(ctx); err != nil {
		return err
	}
	return r.announce(r.binding)(ctx)
}

// current returns the version that holds AWSCURRENT.
func (r *rig) current(ctx context.Context) (version string, err error) {
	out, err := r.AWS.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &r.secret, VersionStage: aws.String("AWSCURRENT")})
	if err != nil {
		return "", err
	}
	return *out.VersionId, nil
}

// bind makes an app, its database and an empty secret that follows it.
func (r *rig) bind(ctx context.Context, app string, tags ...string) (*binding, error) {
	db, err := r.Database(ctx)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(db.URL())
	if err != nil {
		return nil, err
	}
	l, err := newLine(at.Host, usual.postgres)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, l.Close)
	b := &binding{app: r.Heroku.CreateApp(app), db: &distant{db, l}}
	b.addon = r.Heroku.Provision(b.app, b.db)
	b.secret, err = r.Bind(ctx, app, app+"/database", tags...)
	return b, err
}

// serve serves a handler by TLS at the end of a line and returns its address.
func (r *rig) serve(handler http.Handler, trip time.Duration) (string, error) {
	server := httptest.NewTLSServer(handler)
	r.closers = append(r.closers, func() error { server.CloseClientConnections(); server.Close(); return nil })
	l, err := newLine(server.Listener.Addr().String(), trip)
	if err != nil {
		return "", err
	}
	r.lines = append(r.lines, l)
	r.closers = append(r.closers, l.Close)
	return "https://" + l.address(), r.trust(server)
}

// hangUp closes the connections to AWS and Heroku, as AWS and Heroku do with connections
// that were idle for about a minute.
func (r *rig) hangUp() {
	for _, l := range r.lines {
		l.cut()
	}
}

// trust writes one file with this machine's certificate authorities, as a Lambda function
// has them, and the test servers' own.
func (r *rig) trust(server *httptest.Server) error {
	if r.authorities != "" {
		return nil // they share one certificate
	}
	dir, err := os.MkdirTemp("", "keepcurrent-bench-ca-")
	if err != nil {
		return err
	}
	r.closers = append(r.closers, func() error { return os.RemoveAll(dir) })
	r.authorities = filepath.Join(dir, "authorities.pem")
	known, _ := os.ReadFile("/etc/ssl/certs/ca-certificates.crt") // one more cost of a real cold start
	ours := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return os.WriteFile(r.authorities, append(known, ours...), 0o600)
}

// announce returns what tells the webhook of a release of the binding's app.
func (r *rig) announce(b *binding) func(context.Context) error {
	return func(ctx context.Context) error {
		status, err := r.Announce(ctx, b.app)
		if err == nil && status != http.StatusNoContent {
			log := r.Webhook.Logs()
			err = fmt.Errorf("the webhook answers %d; its log ends with:\n%s", status, log[max(0, len(log)-2000):])
		}
		return err
	}
}

func (r *rig) close() error {
	var errs []error
	for _, end := range slices.Backward(r.closers) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}
